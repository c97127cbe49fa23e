-- Tenants get short numbers, so that every key begins with a small integer.
CREATE TABLE "{prefix}tenants" (
    number INTEGER PRIMARY KEY,
    name   TEXT NOT NULL UNIQUE
) STRICT;

-- The lanes in which records wait to be woken, numbered likewise.
CREATE TABLE "{prefix}lanes" (
    number INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL,
    name   TEXT    NOT NULL,
    UNIQUE (tenant, name)
) STRICT;

-- Every record: its version, its clock (microseconds since 1970, UTC) with its lane, and an
-- opaque body. A table with rowids: bodies may be large, and would make the nodes of an index
-- too wide.
CREATE TABLE "{prefix}records" (
    tenant   INTEGER NOT NULL,
    kind     INTEGER NOT NULL,
    id       BLOB    NOT NULL,
    version  INTEGER NOT NULL,
    lane     INTEGER,
    wakes_at INTEGER,
    body     BLOB    NOT NULL,
    PRIMARY KEY (tenant, kind, id)
) STRICT;

CREATE INDEX "{prefix}records_by_clock"
    ON "{prefix}records" (lane, wakes_at, kind, id) WHERE wakes_at IS NOT NULL;

-- One entry per command. Its place is tenant * 2^40 + the entry's number within the tenant:
-- each tenant's entries lie together, in the order in which they were committed.
CREATE TABLE "{prefix}journal" (
    place   INTEGER PRIMARY KEY,
    tenant  INTEGER NOT NULL,
    command BLOB    NOT NULL,
    body    BLOB    NOT NULL
) STRICT;

CREATE UNIQUE INDEX "{prefix}journal_by_command" ON "{prefix}journal" (tenant, command);

-- Which spare column a playbook's own field has, by type (1 bool, 2 number, 3 text, 4 date,
-- 5 instant). Slots 1 to 8 are t1..t8, 9 to 16 are n1..n8; a later slot n is `overflow.s<n>`.
CREATE TABLE "{prefix}slots" (
    tenant INTEGER NOT NULL,
    kind   INTEGER NOT NULL,
    field  TEXT    NOT NULL,
    type   INTEGER NOT NULL,
    slot   INTEGER NOT NULL,
    PRIMARY KEY (tenant, kind, field, type),
    UNIQUE (tenant, kind, slot)
) STRICT, WITHOUT ROWID;

-- Stored facts, one row per record of a kind that has facts. Text is folded (and U+0000 and
-- U+0001 are written as U+0001 0 and U+0001 1, since SQLite ends a text at NUL), numbers are
-- ten-thousandths, instants microseconds since 1970 (UTC), dates days since 0000-12-31,
-- true and false are 1 and 0; NULL is missing.
--
-- SQLite comes to a column by the columns before it: what lists of leads mostly ask for stands first,
-- then a playbook's own fields.
CREATE TABLE "{prefix}lead_facts" (
    tenant                  INTEGER NOT NULL,
    id                      BLOB NOT NULL,
    "pipeline"              TEXT,
    "stage"                 TEXT,
    "open"                  INTEGER,
    "owner"                 TEXT,
    "owner_team"            TEXT,
    "outcome"               TEXT,
    "source"                TEXT,
    "wait"                  TEXT,
    "registered_at"         INTEGER,
    "entered_at"            INTEGER,
    "touched_at"            INTEGER,
    "attempts_total"        INTEGER,
    t1 TEXT, t2 TEXT, t3 TEXT, t4 TEXT, t5 TEXT, t6 TEXT, t7 TEXT, t8 TEXT,
    n1 INTEGER, n2 INTEGER, n3 INTEGER, n4 INTEGER, n5 INTEGER, n6 INTEGER, n7 INTEGER, n8 INTEGER,
    "wait_days"             INTEGER,
    "outcome_reason"        TEXT,
    "source_kind"           TEXT,
    "owner_role"            TEXT,
    "registered_by"         TEXT,
    "assigned_at"           INTEGER,
    "attempted_at"          INTEGER,
    "answered_at"           INTEGER,
    "reached_at"            INTEGER,
    "opened_at"             INTEGER,
    "closed_at"             INTEGER,
    "answered"              INTEGER,
    "attempts_reached"      INTEGER,
    "attempts_unanswered"   INTEGER,
    "attempts_since_opened" INTEGER,
    "reassignments"         INTEGER,
    "held"                  INTEGER,
    "set_aside"             INTEGER,
    "flagged"               INTEGER,
    "tasks_open"            INTEGER,
    "contact_email"         TEXT,
    "contact_unsubscribed"  INTEGER,
    "contact_email_invalid" INTEGER,
    "contact_possible_duplicate" INTEGER,
    "playbook"              TEXT,
    "quote"                 TEXT,
    "quote_total"           INTEGER,
    "quote_valid_until"     INTEGER,
    "quote_accepted"        INTEGER,
    "referrer"              TEXT,
    "reward"                INTEGER,
    "rewarded_at"           INTEGER,
    overflow BLOB,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE "{prefix}agent_facts" (
    tenant      INTEGER NOT NULL,
    id          BLOB NOT NULL,
    "agent"     TEXT,
    "role"      TEXT,
    "team"      TEXT,
    "available" INTEGER,
    "capacity"  INTEGER,
    "hours"     TEXT,
    "left_at"   INTEGER,
    t1 TEXT, t2 TEXT, t3 TEXT, t4 TEXT, t5 TEXT, t6 TEXT, t7 TEXT, t8 TEXT,
    n1 INTEGER, n2 INTEGER, n3 INTEGER, n4 INTEGER, n5 INTEGER, n6 INTEGER, n7 INTEGER, n8 INTEGER,
    overflow BLOB,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE "{prefix}message_facts" (
    tenant       INTEGER NOT NULL,
    id           BLOB NOT NULL,
    "state"      TEXT,
    "template"   TEXT,
    "class"      TEXT,
    "channel"    TEXT,
    "lead"       TEXT,
    "to"         TEXT,
    "from"       TEXT,
    "dropped"    TEXT,
    "queued_at"  INTEGER,
    "settled_at" INTEGER,
    "set_aside"  INTEGER,
    t1 TEXT, t2 TEXT, t3 TEXT, t4 TEXT, t5 TEXT, t6 TEXT, t7 TEXT, t8 TEXT,
    n1 INTEGER, n2 INTEGER, n3 INTEGER, n4 INTEGER, n5 INTEGER, n6 INTEGER, n7 INTEGER, n8 INTEGER,
    overflow BLOB,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE "{prefix}sweep_facts" (
    tenant       INTEGER NOT NULL,
    id           BLOB NOT NULL,
    "sweep"      TEXT,
    "finished"   INTEGER,
    "started_at" INTEGER,
    "set_aside"  INTEGER,
    t1 TEXT, t2 TEXT, t3 TEXT, t4 TEXT, t5 TEXT, t6 TEXT, t7 TEXT, t8 TEXT,
    n1 INTEGER, n2 INTEGER, n3 INTEGER, n4 INTEGER, n5 INTEGER, n6 INTEGER, n7 INTEGER, n8 INTEGER,
    overflow BLOB,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
