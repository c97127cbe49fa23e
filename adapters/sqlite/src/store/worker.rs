//! A thread that owns a connection and answers requests in the order in which they come.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use futures::channel::oneshot;
use leadkit::condition::Filter;
use leadkit::ids::Tenant;
use leadkit::store::{
    Changes, Count, Counted, Due, JournalCursor, Journaled, Key, Kind, Lanes, Loaded, NextDue,
    Page, Select, StoreError, Verdict,
};
use leadkit::time::Instant;
use rusqlite::Connection;

use super::ThreadGone;
use crate::error::failed;
use crate::open::OpenError;
use crate::session::{Known, Leases, Session};
use crate::tables::Tables;

/// Where an answer goes; who asked may have gone meanwhile.
pub(super) type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// What became of changes, and the changes: whoever asked has more time to drop them.
pub(super) type Committed = (Vec<Verdict>, Vec<Changes>);

/// What the thread is asked.
#[derive(Debug)]
pub(super) enum Request {
    Load(Vec<Key>, Reply<Vec<Loaded>>),
    Commit(Vec<Changes>, Reply<Committed>),
    Due(Lanes, Instant, usize, Instant, Reply<Vec<Due>>),
    NextDue(Instant, Reply<Vec<NextDue>>),
    Select(Select, Reply<Page>),
    Count(Count, Reply<Vec<Counted>>),
    Journal(Tenant, JournalCursor, usize, Reply<Vec<Journaled>>),
    LastEntry(Tenant, Reply<Option<Journaled>>),
    Release(Vec<Key>),
    Index(Tenant, Kind, Vec<Filter>, Reply<Vec<String>>),
    RetainIndexes(Kind, Vec<String>, Reply<Vec<String>>),
    Plan(Select, Reply<String>),
}

/// How often to let other threads run before sleeping: some hundred microseconds.
const YIELDS: u32 = 200;

/// How many commits may share one transaction.
const COMMITS_TOGETHER: usize = 64;

/// A connection, the names it knows, and what was leased by it.
#[derive(Debug)]
pub(super) struct Desk {
    connection: Connection,
    known: Known,
    leases: Leases,
}

impl Desk {
    fn new(connection: Connection) -> Self {
        Self {
            connection,
            known: Known::default(),
            leases: Leases::default(),
        }
    }

    pub(super) fn session<'a>(&'a mut self, tables: &'a Tables) -> Session<'a> {
        self.at_work(tables).0
    }

    fn at_work<'a>(&'a mut self, tables: &'a Tables) -> (Session<'a>, &'a mut Leases) {
        let session = Session::new(&self.connection, tables.sql(), &mut self.known);
        (session, &mut self.leases)
    }

    /// Writes changes here and now, in a transaction of their own.
    pub(super) fn commit(
        &mut self,
        tables: &Tables,
        changes: &[Changes],
    ) -> Result<Vec<Verdict>, StoreError> {
        let (mut session, leases) = self.at_work(tables);
        let verdicts = session.commit(changes.iter()).map_err(failed("commit"))?;
        release_written(leases, changes, &verdicts);
        Ok(verdicts)
    }
}

/// The thread. Dropping this waits for it to close its connection.
#[derive(Debug)]
pub(super) struct Worker {
    desk: Arc<Mutex<Desk>>,
    /// How many requests wait or are being answered.
    asked: Arc<AtomicUsize>,
    /// Always there until this is dropped.
    requests: Option<Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    pub(super) fn start(
        name: &str,
        connection: Connection,
        tables: Tables,
    ) -> Result<Self, OpenError> {
        let desk = Arc::new(Mutex::new(Desk::new(connection)));
        let (requests, received) = channel();
        let shared = Arc::clone(&desk);
        let asked = Arc::new(AtomicUsize::new(0));
        let to_answer = Arc::clone(&asked);
        let thread = std::thread::Builder::new()
            .name(name.into())
            .spawn(move || serve(&shared, &tables, &received, &to_answer))
            .map_err(OpenError::Thread)?;
        Ok(Self {
            desk,
            asked,
            requests: Some(requests),
            thread: Some(thread),
        })
    }

    /// The connection, unless the thread is working with it.
    pub(super) fn desk(&self) -> Option<MutexGuard<'_, Desk>> {
        self.desk.try_lock().ok()
    }

    /// Does something with the connection here and now, unless the thread has something to do.
    /// Whoever comes meanwhile finds it at work.
    pub(super) fn at_once<T>(&self, work: impl FnOnce(&mut Desk) -> T) -> Option<T> {
        if self.is_at_work() {
            return None;
        }
        let mut desk = self.desk()?;
        self.asked.fetch_add(1, Ordering::AcqRel);
        let done = work(&mut desk);
        self.asked.fetch_sub(1, Ordering::AcqRel);
        Some(done)
    }

    /// Whether something is being done, or waits to be.
    pub(super) fn is_at_work(&self) -> bool {
        self.asked.load(Ordering::Acquire) > 0
    }

    pub(super) fn send(&self, request: Request) -> Result<(), ThreadGone> {
        let requests = self.requests.as_ref().ok_or(ThreadGone)?;
        // Before it is sent: the thread may have answered by the time that `send` returns.
        self.asked.fetch_add(1, Ordering::AcqRel);
        requests.send(request).map_err(|_| {
            self.asked.fetch_sub(1, Ordering::AcqRel);
            ThreadGone
        })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            // A panic there was told to whoever waited for an answer.
            let _ = thread.join();
        }
    }
}

fn serve(desk: &Mutex<Desk>, tables: &Tables, requests: &Receiver<Request>, asked: &AtomicUsize) {
    let mut next = receive(requests);
    while let Some(request) = next.take() {
        let mut desk = desk.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut session, leases) = desk.at_work(tables);
        if let Request::Commit(changes, reply) = request {
            // Whatever else waits to be committed shares the transaction, and its `fsync`.
            let mut commits = vec![(changes, reply)];
            while commits.len() < COMMITS_TOGETHER {
                match requests.try_recv() {
                    Ok(Request::Commit(changes, reply)) => commits.push((changes, reply)),
                    other => {
                        next = other.ok();
                        break;
                    }
                }
            }
            let answered = commits.len();
            commit(&mut session, leases, commits);
            asked.fetch_sub(answered, Ordering::AcqRel);
        } else {
            answer(&mut session, leases, request);
            asked.fetch_sub(1, Ordering::AcqRel);
        }
        drop(session);
        drop(desk);
        if next.is_none() {
            next = receive(requests);
        }
    }
}

/// The next request, or `None` when the store was dropped. Who was answered often asks again
/// at once, and to be woken from sleep takes longer than most requests do.
fn receive(requests: &Receiver<Request>) -> Option<Request> {
    for _ in 0..YIELDS {
        match requests.try_recv() {
            Ok(request) => return Some(request),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) => std::thread::yield_now(),
        }
    }
    requests.recv().ok()
}

fn answer(session: &mut Session<'_>, leases: &mut Leases, request: Request) {
    match request {
        Request::Load(keys, reply) => {
            let loaded = session.load_now(&keys);
            tell(reply, loaded.map_err(failed("load records")));
        }
        Request::Commit(changes, reply) => commit(session, leases, vec![(changes, reply)]),
        Request::Due(lanes, now, limit, until, reply) => {
            let due = session.reading(|session| session.due(leases, &lanes, now, limit, until));
            tell(reply, due.map_err(failed("read due records")));
        }
        Request::NextDue(now, reply) => {
            let next = session.reading(|session| session.next_due(leases, now));
            tell(reply, next.map_err(failed("read due records")));
        }
        Request::Select(select, reply) => {
            let page = session.reading(|session| session.select(&select));
            tell(reply, page.map_err(failed("select records")));
        }
        Request::Count(count, reply) => {
            let counted = session.reading(|session| session.count(&count));
            tell(reply, counted.map_err(failed("count records")));
        }
        Request::Journal(tenant, after, limit, reply) => {
            let read = session.reading(|session| session.journal(&tenant, after, limit));
            tell(reply, read.map_err(failed("read the journal")));
        }
        Request::LastEntry(tenant, reply) => {
            let read = session.reading(|session| session.last_entry(&tenant));
            tell(reply, read.map_err(failed("read the journal")));
        }
        Request::Index(tenant, kind, segments, reply) => {
            let made = session.writing(|session| session.index(&tenant, kind, &segments));
            tell(reply, made.map_err(failed("make indexes")));
        }
        Request::RetainIndexes(kind, names, reply) => {
            let dropped = session.writing(|session| session.retain_indexes(kind, &names));
            tell(reply, dropped.map_err(failed("drop indexes")));
        }
        Request::Plan(select, reply) => {
            let plan = session.reading(|session| session.plan(&select));
            tell(reply, plan.map_err(failed("plan a selection")));
        }
        Request::Release(keys) => keys.iter().for_each(|key| leases.release(key)),
    }
}

/// Carries out commits in one transaction; when that fails, each in one of its own, so that
/// none fails for another's reason.
fn commit(
    session: &mut Session<'_>,
    leases: &mut Leases,
    mut commits: Vec<(Vec<Changes>, Reply<Committed>)>,
) {
    let written = session.commit(commits.iter().flat_map(|(changes, _)| changes));
    let mut verdicts = match written {
        Ok(verdicts) => verdicts.into_iter(),
        Err(error) => {
            return match commits.pop() {
                Some((_, reply)) if commits.is_empty() => {
                    tell(reply, Err(failed("commit")(error)));
                }
                last => {
                    for one in commits.into_iter().chain(last) {
                        commit(session, leases, vec![one]);
                    }
                }
            };
        }
    };
    for (changes, reply) in commits {
        let own: Vec<Verdict> = verdicts.by_ref().take(changes.len()).collect();
        release_written(leases, &changes, &own);
        tell(reply, Ok((own, changes)));
    }
}

/// Ends the leases on what was written.
fn release_written(leases: &mut Leases, changes: &[Changes], verdicts: &[Verdict]) {
    for (change, verdict) in changes.iter().zip(verdicts) {
        if *verdict == Verdict::Written {
            change.puts.iter().for_each(|put| leases.release(&put.key));
        }
    }
}

fn tell<T>(reply: Reply<T>, answer: Result<T, StoreError>) {
    // Who asked may have gone meanwhile.
    let _ = reply.send(answer);
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use leadkit::store::StoreErrorKind;

    use super::super::ask;
    use super::*;

    /// A worker without its thread, and what that would have received.
    fn alone() -> (Worker, Receiver<Request>) {
        let (requests, received) = channel();
        let connection = Connection::open_in_memory().unwrap();
        let worker = Worker {
            desk: Arc::new(Mutex::new(Desk::new(connection))),
            asked: Arc::default(),
            requests: Some(requests),
            thread: None,
        };
        (worker, received)
    }

    #[test]
    fn what_could_not_be_sent_is_not_waited_for() {
        let (worker, received) = alone();
        drop(received);
        assert!(worker.send(Request::Release(Vec::new())).is_err());
        assert!(!worker.is_at_work());
    }

    /// The engine's worker stops at it, and doesn't try for ever: nothing starts the thread again.
    #[test]
    fn a_store_whose_thread_panicked_is_to_be_looked_at() {
        let (worker, received) = alone();
        let ask = || {
            let request = |reply| Request::LastEntry("acme".into(), reply);
            Box::pin(ask(&worker, "read the journal", request))
        };
        let mut asked = ask();
        assert!((&mut asked).now_or_never().is_none());
        drop(received);
        for asked in [asked, ask()] {
            let refused = pollster::block_on(asked).expect_err("no thread");
            assert_eq!(refused.kind, StoreErrorKind::Corrupt);
        }
    }
}
