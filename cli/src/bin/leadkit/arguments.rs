//! What can be asked of the program, and what it says of that in its help.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use leadkit::decide::command::Fate;
use leadkit_cli::check::Declared;
use leadkit_cli::database::{Database, Place};

/// Checks, tests, explains and replays leadkit playbooks, and looks after their leads
///
/// A playbook is a folder with a playbook.toml in it. Nothing that this program does sends a message.
#[derive(Parser)]
#[command(name = "leadkit", version, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    /// Print JSON on standard output, errors included
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "Ends with 0 when all is well, with 1 when something was found (faults of a playbook, scenarios that \
failed, rows that were refused, records that can't be read), with 2 when it could not be done.";

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Tell everything that is wrong with a playbook at once, each fault with its place
    #[command(
        after_help = "Examples:\n  leadkit check playbooks/field-and-digital-sales --explain\n  leadkit check sales --with guard:credit-checked --with action:push-to-erp"
    )]
    Check {
        /// The playbook's folder
        playbook: PathBuf,
        /// Print the playbook with every default filled in, and every friendly word (sla, ageing,
        /// wait, reminder) as the rule it becomes
        #[arg(long)]
        explain: bool,
        /// A name that the host registers in Rust, as guard:NAME, action:NAME or fact:NAME:TYPE; as
        /// often as there are such names
        #[arg(long, value_name = "SORT:NAME")]
        with: Vec<Declared>,
    },
    /// Play the playbook's scenarios in virtual time
    #[command(
        after_help = "A failed scenario shows the lead's timeline. The last line is `N passed, N failed`: a scenario passes if it does on all stores.\n\nExamples:\n  leadkit test playbooks/field-and-digital-sales --on memory\n  leadkit test playbooks/field-and-digital-sales --only 'not handled in time'"
    )]
    Test {
        /// The playbook's folder
        playbook: PathBuf,
        /// Only the scenario of this name, or those whose names have all of these words, or parts of words.
        /// Case and accents make no difference
        #[arg(long, value_name = "NAME")]
        only: Option<String>,
        /// On which stores
        #[arg(long, value_enum, default_value_t = On::Both)]
        on: On,
    },
    /// Live through a recorded history again, under a playbook, in virtual time
    #[command(after_long_help = MAP_HELP)]
    Replay {
        /// The playbook's folder
        playbook: PathBuf,
        /// The map: which columns of which files are which commands (see --help)
        #[arg(long, value_name = "FILE")]
        map: PathBuf,
        /// The database to keep, in a file: a new one, or one that a replay made [default: one that is
        /// thrown away]
        #[arg(long, value_name = "FILE")]
        db: Option<Place>,
        /// Stop before what happened at this time: 2018-04-01, or 2018-04-01T00:00:00Z
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
        /// Whose leads they are [default: the playbook's id]
        #[arg(long, value_name = "NAME")]
        tenant: Option<String>,
    },
    #[command(flatten)]
    OfDatabase(OfDatabase),
}

/// What is asked of a database.
#[derive(Subcommand)]
pub(crate) enum OfDatabase {
    /// Explain a lead: its history with reasons, what is due next, how each rule stands
    #[command(
        group = ArgGroup::new("which").required(true),
        override_usage = "leadkit explain [OPTIONS] --db <FILE|URL> <PLAYBOOK> <LEAD|--email <ADDRESS>|--find <TEXT>>",
        after_help = "Examples:\n  leadkit explain sales --db leads.db 019ad0c4-2c10-7cc3-98c4-dc0c0c07398f\n  leadkit explain sales --db leads.db --email luis@example.com\n  leadkit explain sales --db leads.db --find 'luis vera'\n  leadkit explain sales --db leads.db --find '099 123 4567'"
    )]
    Explain {
        #[command(flatten)]
        database: Database,
        /// The lead's id
        #[arg(group = "which")]
        lead: Option<String>,
        /// The contact's e-mail address, in place of the lead's id
        #[arg(long, value_name = "ADDRESS", group = "which")]
        email: Option<String>,
        /// A part of the contact's name, e-mail address or phone number, in place of the lead's id
        #[arg(long, value_name = "TEXT", group = "which")]
        find: Option<String>,
        /// How many entries of its history are told, the newest [default: 200]
        #[arg(long, value_name = "COUNT")]
        last: Option<u32>,
    },
    /// List or count the leads for which a condition holds
    #[command(
        after_help = "Examples:\n  leadkit leads sales --db leads.db --where 'stage == \"no-answer\" and entered_at < now - 2d'\n  leadkit leads sales --db leads.db --where open --count-by stage,owner\n  leadkit leads sales --db leads.db --order closed_at --descending --limit 10\n  leadkit leads sales --db leads.db --find vera"
    )]
    Leads {
        #[command(flatten)]
        database: Database,
        /// The condition, as in playbooks [default: all leads]
        #[arg(
            long = "where",
            value_name = "CONDITION",
            default_value = "",
            hide_default_value = true
        )]
        condition: String,
        /// Only those whose contact has this in the name, the e-mail address or the phone number. The
        /// case of letters, accents, and how a number is written make no difference
        #[arg(long, value_name = "TEXT", conflicts_with = "count_by")]
        find: Option<String>,
        /// Count by these facts in place of a list; the case of text makes no difference, and it
        /// is shown as it was first written
        #[arg(long, value_name = "FACT", value_delimiter = ',')]
        count_by: Vec<String>,
        /// The fact that orders the list [default: the order of registration]
        #[arg(long, value_name = "FACT", conflicts_with = "count_by")]
        order: Option<String>,
        /// The largest first
        #[arg(long, requires = "order")]
        descending: bool,
        /// How many are listed at most, leads or groups of them
        #[arg(
            long,
            value_name = "COUNT",
            default_value_t = 100,
            allow_negative_numbers = true
        )]
        limit: usize,
        /// What `now` is in the condition [default: the present; in the database of a replay, where
        /// its history stands]
        #[arg(long, value_name = "TIME")]
        now: Option<String>,
    },
    /// List messages: what became of them, and which wait for a person
    #[command(
        after_help = "Examples:\n  leadkit messages sales --db leads.db --in-doubt\n  leadkit messages sales --db leads.db --where 'state == \"refused\" and settled_at > now - 7d'\n  leadkit messages sales --db leads.db --to luis@example.com"
    )]
    Messages {
        #[command(flatten)]
        database: Database,
        /// Only those of which nobody knows whether the server took them; see `leadkit settle`
        #[arg(long)]
        in_doubt: bool,
        /// Only those that were set aside because they failed; see `leadkit retry`. With --in-doubt:
        /// these too
        #[arg(long)]
        set_aside: bool,
        /// Only those to this e-mail address, or to the agent of this id
        #[arg(long, value_name = "ADDRESS")]
        to: Option<String>,
        /// The condition, over state (queued, handing-over, accepted, delivered, refused, to-retry,
        /// in-doubt, dropped), dropped, template, class (marketing, alert), channel, lead, to and from
        /// (ids), queued_at, settled_at and set_aside [default: all messages]
        #[arg(
            long = "where",
            value_name = "CONDITION",
            default_value = "",
            hide_default_value = true
        )]
        condition: String,
        /// How many are listed at most
        #[arg(long, value_name = "COUNT", default_value_t = 100)]
        limit: usize,
    },
    /// Make a changed playbook the one that leads are under; shows first what becomes of them
    #[command(after_help = ADOPT_HELP)]
    Adopt {
        #[command(flatten)]
        database: Database,
        /// The former playbook's folder, to tell also for how many leads the next step changes
        #[arg(long, value_name = "FOLDER")]
        former: Option<PathBuf>,
        /// Where the leads of a stage go that is gone, or that means something else now
        #[arg(long = "map", value_name = "PIPELINE.STAGE=PIPELINE.STAGE[:GROUP]")]
        stages: Vec<String>,
        /// Who says so: an agent by its id, who then needs the permission `adopt`, or host:NAME for
        /// whoever runs the organisation's programs
        #[arg(long, value_name = "WHO")]
        by: String,
        /// Do it, and not only show it
        #[arg(long)]
        yes: bool,
        /// Only show it, as without --yes
        #[arg(long, conflicts_with = "yes")]
        dry_run: bool,
    },
    #[command(flatten)]
    Waiting(Waiting),
}

const ADOPT_HELP: &str = "PLAYBOOK is the changed playbook, by which the leads are to go on. Nothing is written without --yes. In the database of a replay the \
leads are then taken over at once, at the time at which its history stands. Among real leads the \
workers do it: name both folders to them, the former one first, until `leadkit sweeps` shows the \
sweep `adopt` no more.

Examples:
  leadkit adopt sales-2026-04 --db rehearsal.db --by host:it-desk
  leadkit adopt sales-2026-04 --db rehearsal.db --map sales.old=sales.new --by host:it-desk --yes
  leadkit adopt sales-2026-04 --db leads.db --map sales.later=sales.waiting:six-months --by ana --yes";

/// What waits for a person there, and what goes through many leads.
#[derive(Subcommand)]
pub(crate) enum Waiting {
    /// Say what became of a message
    #[command(
        after_help = "Nothing is sent from here: what goes again is sent by the next worker. In the database of a replay it is settled at the time at which its history stands.\n\nExamples:\n  leadkit settle sales --db leads.db 019ad0c4-2c10-7cc3-98c4-dc0c0c07398f accepted --by ana\n  leadkit settle sales --db leads.db 019ad0c4-2c10-7cc3-98c4-dc0c0c07398f send-again --by host:it-desk"
    )]
    Settle {
        #[command(flatten)]
        database: Database,
        /// The message's id, as `leadkit messages` lists it
        message: String,
        /// What became of it, or is to become of it
        #[arg(value_enum)]
        fate: SaidFate,
        #[command(flatten)]
        who: Who,
    },
    /// List the leads, messages and sweeps that were set aside because they failed, with their errors
    #[command(after_help = "Example:\n  leadkit set-aside sales --db leads.db")]
    SetAside {
        #[command(flatten)]
        database: Database,
        /// How many of each kind are listed at most
        #[arg(long, value_name = "COUNT", default_value_t = 100)]
        limit: usize,
    },
    /// List sweeps, the commands that go through many leads: whom they reach, and how far they are
    #[command(after_help = "Example:\n  leadkit sweeps sales --db leads.db")]
    Sweeps {
        #[command(flatten)]
        database: Database,
        /// Those that are over, too
        #[arg(long)]
        all: bool,
    },
    /// End sweeps where they are, also those that were set aside or would come again
    #[command(
        after_help = "What a sweep did stays done. The sweep that takes leads over to a changed playbook can't be cancelled.\n\nExample:\n  leadkit cancel sales --db leads.db 019ad0c4-2c10-7cc3-98c4-dc0c0c07398f --by ana"
    )]
    Cancel {
        #[command(flatten)]
        database: Database,
        /// The ids, as `leadkit sweeps` lists them
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
        /// Who says so: an agent by its id, who then needs the permission `sweep`, or host:NAME for
        /// whoever runs the organisation's programs
        #[arg(long, value_name = "WHO")]
        by: String,
    },
    /// List the contacts of open leads that are possibly the same person: who share an address, a phone
    /// or a tax number
    #[command(after_help = "Example:\n  leadkit duplicates sales --db leads.db")]
    Duplicates {
        #[command(flatten)]
        database: Database,
    },
    /// Merge a contact into another one: they are the same person
    #[command(
        after_help = "Nothing is lost, and `leadkit unmerge` takes it back.\n\nExample:\n  leadkit merge sales --db leads.db 019ad0c4-2c10-7cc3-98c4-dc0c0c07398f 019ad0c4-2c10-7cc3-98c4-dc0c0c073990 --by ana"
    )]
    Merge {
        #[command(flatten)]
        database: Database,
        /// The contact that stands for both, as `leadkit duplicates` lists it
        into: String,
        /// The contact that is merged into it
        from: String,
        /// Who says so: an agent by its id, who then needs the permission `merge`, or host:NAME for
        /// whoever runs the organisation's programs
        #[arg(long, value_name = "WHO")]
        by: String,
    },
    /// Take a merge back: they are two persons
    #[command(
        after_help = "What happened since stays with the contact that stood for both. Merges into one contact are taken back the last first.\n\nExample:\n  leadkit unmerge sales --db leads.db 019ad0c4-2c10-7cc3-98c4-dc0c0c073990 --by ana"
    )]
    Unmerge {
        #[command(flatten)]
        database: Database,
        /// The contact that was merged
        contact: String,
        /// Who says so: an agent by its id, who then needs the permission `merge`, or host:NAME for
        /// whoever runs the organisation's programs
        #[arg(long, value_name = "WHO")]
        by: String,
    },
    /// Say of two possible duplicates that they are two persons: they are listed no more
    #[command(
        after_help = "Whoever was wrong merges them.\n\nExample:\n  leadkit distinguish sales --db leads.db 019ad0c4-2c10-7cc3-98c4-dc0c0c07398f 019ad0c4-2c10-7cc3-98c4-dc0c0c073990 --by ana"
    )]
    Distinguish {
        #[command(flatten)]
        database: Database,
        /// One of them, as `leadkit duplicates` lists it
        one: String,
        /// The other
        other: String,
        /// Who says so: an agent by its id, who then needs the permission `merge`, or host:NAME for
        /// whoever runs the organisation's programs
        #[arg(long, value_name = "WHO")]
        by: String,
    },
    /// Let leads, messages and sweeps go on that were set aside
    #[command(
        after_help = "Nothing is sent from here: that is for the next worker. In the database of a replay it happens at the time at which its history stands.\n\nExample:\n  leadkit retry sales --db leads.db 019ad0c4-2c10-7cc3-98c4-dc0c0c07398f --by ana"
    )]
    Retry {
        #[command(flatten)]
        database: Database,
        /// The ids, as `leadkit set-aside` lists them
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
        #[command(flatten)]
        who: Who,
    },
}

#[derive(Args)]
pub(crate) struct Who {
    /// Who says so: an agent by its id, who then needs the permission `settle`, or host:NAME for
    /// whoever runs the organisation's programs
    #[arg(long, value_name = "WHO")]
    pub(crate) by: String,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum SaidFate {
    /// The server did take it: it was in doubt
    Accepted,
    /// It is known to have arrived: it was in doubt, or accepted
    Delivered,
    /// It did not arrive, and is to be sent again: it was in doubt, refused, given up, or set aside
    SendAgain,
    /// It is not to be sent: it was in doubt, or waited
    Withdrawn,
    /// It goes on from where it was: it was set aside
    Retry,
}

impl From<SaidFate> for Fate {
    fn from(said: SaidFate) -> Self {
        match said {
            SaidFate::Accepted => Self::Accepted,
            SaidFate::Delivered => Self::Delivered,
            SaidFate::SendAgain => Self::SendAgain,
            SaidFate::Withdrawn => Self::Withdrawn,
            SaidFate::Retry => Self::Retry,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum On {
    Memory,
    Sqlite,
    Both,
}

const MAP_HELP: &str = include_str!("../../replay/map.txt");
