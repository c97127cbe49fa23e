//! Many worker processes on one database, in real time: they share the work and do nothing twice,
//! notice within a second what others write for an earlier time, and leave alone what they don't
//! know.
//!
//! A worker is this test's own program, started anew for the test `worker` alone.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use leadkit::clock::{Clock, SystemClock};
use leadkit::decide::command::{Actor, NewLead};
use leadkit::engine::Engine;
use leadkit::mailer::{Mailer, Outcome, Outgoing};
use leadkit::playbook::Playbook;
use leadkit::playbook::load::Folder;
use leadkit::store::Store;
use leadkit::time::{Elapsed, Instant};

/// The names under which a worker is told where everything is.
const PLACE: &str = "LEADKIT_TEST_PLACE";
const OUTBOX: &str = "LEADKIT_TEST_OUTBOX";
const KNOWS: &str = "LEADKIT_TEST_KNOWS";

/// Which playbooks a worker knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Knows {
    Old,
    Both,
}

/// A shop that writes to each contact at once, and two seconds later.
fn playbook(name: &str) -> Arc<Playbook> {
    let text = r#"
[playbook]
id       = "shop"
zone     = "Europe/Madrid"
calendar = "office"

[organisation]
name  = "NAME"
email = "shop@example.com"

[calendar.office]
weekly = { mon-fri = ["09:00-17:00"] }

[[route]]
to = "sales.new"

[pipeline.sales]
start = "new"

[pipeline.sales.stage]
new  = { to = { lost = [] } }
lost = { final = "lost" }

[[rule]]
name = "welcome"
on   = "registered"
do   = [{ send = "hello" }]

[[rule]]
name  = "again"
on    = "registered"
after = "2 seconds"
do    = [{ send = "hello" }]
"#;
    let folder = Folder {
        playbook: text.replace("NAME", name),
        templates: vec![(
            "templates/hello.txt".into(),
            "Subject: Hello\n\nHello\n".into(),
        )],
        ..Folder::default()
    };
    Arc::new(Playbook::read(&folder).unwrap_or_else(|faults| panic!("{:#?}", faults.0)))
}

/// Writes down who handed what over to whom, and when; takes a while for it, as servers do.
#[derive(Clone, Debug)]
struct Outbox(PathBuf);

#[async_trait::async_trait]
impl Mailer for Outbox {
    async fn hand_over(&self, message: &Outgoing) -> Outcome {
        std::thread::sleep(Duration::from_millis(20));
        let (process, id) = (std::process::id(), message.id);
        let at = SystemClock.now().timestamp_micros();
        let line = format!("{process} {at} {} {id}\n", message.to.email.as_str());
        let file = OpenOptions::new().append(true).create(true).open(&self.0);
        file.unwrap().write_all(line.as_bytes()).unwrap();
        Outcome::Accepted
    }
}

/// What somebody handed over.
#[derive(Clone, Debug)]
struct Sent {
    process: u32,
    at: Instant,
    to: String,
    id: String,
}

fn sent(outbox: &Path) -> Vec<Sent> {
    let text = std::fs::read_to_string(outbox).unwrap_or_default();
    text.lines()
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            Sent {
                process: words[0].parse().unwrap(),
                at: Instant::from_timestamp_micros(words[1].parse().unwrap()).unwrap(),
                to: words[2].into(),
                id: words[3].into(),
            }
        })
        .collect()
}

fn engine(store: Arc<dyn Store>, knows: Knows, outbox: &Path) -> Engine {
    let mut builder = Engine::builder_on(store)
        .playbook("shop", playbook("Old shop"))
        .mailer("email", Outbox(outbox.to_owned()));
    if knows == Knows::Both {
        builder = builder.playbook("shop", playbook("Shop"));
    }
    builder.build().unwrap()
}

/// Where a worker's store is; `None` in a program that isn't one.
pub(crate) fn place() -> Option<String> {
    std::env::var(PLACE).ok()
}

/// What a worker does, until whoever started it closes its standard input.
pub(crate) async fn work(store: Arc<dyn Store>) {
    let knows = match std::env::var(KNOWS).unwrap().as_str() {
        "old" => Knows::Old,
        _ => Knows::Both,
    };
    let outbox = PathBuf::from(std::env::var(OUTBOX).unwrap());
    let engine = engine(store, knows, &outbox);
    let (ends, end) = futures::channel::oneshot::channel::<()>();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        drop(ends);
    });
    println!("\nready");
    engine
        .run(async {
            let _ = end.await;
        })
        .await
        .unwrap();
}

/// A process that works.
struct Worker(Child);

impl Worker {
    fn process(&self) -> u32 {
        self.0.id()
    }

    fn end(mut self) {
        drop(self.0.stdin.take());
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A database, and what was handed over by those who work on it.
pub(crate) struct Fleet {
    place: String,
    store: Arc<dyn Store>,
    outbox: PathBuf,
    _folder: tempfile::TempDir,
}

impl Fleet {
    /// One whose workers find the store again at this place.
    pub(crate) fn on(store: Arc<dyn Store>, place: String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            place,
            store,
            outbox: folder.path().join("outbox"),
            _folder: folder,
        }
    }

    fn start(&self, knows: Knows) -> Worker {
        let mut program = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "worker", "--nocapture"])
            .env(PLACE, &self.place)
            .env(OUTBOX, &self.outbox)
            .env(KNOWS, if knows == Knows::Old { "old" } else { "both" })
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(program.stdout.take().unwrap());
        let worker = Worker(program);
        let mut lines = out.lines().map_while(Result::ok);
        assert!(lines.any(|line| line == "ready"), "no worker");
        // It may say more, and must not wait for somebody to read it.
        std::thread::spawn(move || lines.for_each(drop));
        worker
    }

    /// Somebody who registers leads, and doesn't work.
    fn desk(&self, knows: Knows) -> Engine {
        engine(self.store.clone(), knows, &self.outbox)
    }

    async fn register(desk: &Engine, name: &str) {
        let lead = NewLead::new(name).email(format!("{name}@example.com"));
        let lead = desk.tenant("shop").register(lead).by(Actor::host("desk"));
        lead.await.unwrap();
    }

    /// Waits until so much was handed over, or for a long time.
    async fn wait_for(&self, messages: usize) -> Vec<Sent> {
        let begun = SystemClock.now();
        loop {
            let sent = sent(&self.outbox);
            let waited = SystemClock.now() - begun;
            if sent.len() >= messages || waited > Elapsed::seconds(60) {
                return sent;
            }
            pause(Elapsed::milliseconds(20)).await;
        }
    }
}

async fn pause(time: Elapsed) {
    SystemClock.sleep_until(SystemClock.now() + time).await;
}

/// Leads come in while three processes work.
pub(crate) async fn processes_share_the_work_and_do_nothing_twice(fleet: &Fleet) {
    const LEADS: usize = 60;
    let desk = fleet.desk(Knows::Both);
    let workers: Vec<Worker> = (0..3).map(|_| fleet.start(Knows::Both)).collect();
    for n in 0..LEADS {
        Fleet::register(&desk, &format!("n{n}")).await;
    }
    fleet.wait_for(2 * LEADS).await;
    // Whoever would do something twice may come late.
    pause(Elapsed::seconds(2)).await;
    let sent = sent(&fleet.outbox);
    let ids: BTreeSet<&str> = sent.iter().map(|sent| sent.id.as_str()).collect();
    assert_eq!((sent.len(), ids.len()), (2 * LEADS, 2 * LEADS));
    let mut to = BTreeMap::new();
    for sent in &sent {
        *to.entry(sent.to.as_str()).or_insert(0) += 1;
    }
    assert_eq!(to.len(), LEADS);
    assert!(to.values().all(|count| *count == 2), "{to:?}");
    let known: BTreeSet<u32> = workers.iter().map(Worker::process).collect();
    let who: BTreeSet<u32> = sent.iter().map(|sent| sent.process).collect();
    assert!(
        who.len() > 1 && who.is_subset(&known),
        "{who:?} of {known:?}"
    );
    let messages = desk
        .tenant("shop")
        .messages("", None, 1_000)
        .await
        .unwrap()
        .whole()
        .unwrap();
    assert!(messages.iter().all(|message| message.attempts == 1));
    assert_eq!(messages.len(), 2 * LEADS);
    workers.into_iter().for_each(Worker::end);
}

/// A process sleeps since nothing is due for a long time; another one writes what is due now.
pub(crate) async fn what_others_write_for_an_earlier_time_is_noticed_within_a_second(
    fleet: &Fleet,
) {
    let desk = fleet.desk(Knows::Both);
    Fleet::register(&desk, "first").await;
    let worker = fleet.start(Knows::Both);
    fleet.wait_for(2).await;
    for n in 0..3 {
        // At another moment of its sleep each time.
        pause(Elapsed::milliseconds(2_100 + 300 * n)).await;
        let name = format!("n{n}");
        let written = SystemClock.now();
        Fleet::register(&desk, &name).await;
        let before = fleet.wait_for(usize::try_from(3 + 2 * n).unwrap()).await;
        let noticed = before.iter().find(|sent| sent.to.starts_with(&name));
        let late = noticed.expect("a message").at - written;
        // The machine may be busy with other things for a while.
        assert!(late < Elapsed::milliseconds(1_900), "{late}");
        fleet.wait_for(usize::try_from(4 + 2 * n).unwrap()).await;
    }
    worker.end();
}

/// The tenant has adopted a playbook that one of the processes doesn't know.
pub(crate) async fn a_process_with_an_older_playbook_leaves_what_it_does_not_know(fleet: &Fleet) {
    let old_desk = fleet.desk(Knows::Old);
    Fleet::register(&old_desk, "before").await;
    let older = fleet.start(Knows::Old);
    let served = fleet.wait_for(2).await;
    assert_eq!(served.len(), 2, "its own it serves");
    let desk = fleet.desk(Knows::Both);
    let adopted = desk
        .tenant("shop")
        .adopt(Vec::new())
        .by(Actor::host("desk"));
    adopted.await.unwrap();
    Fleet::register(&desk, "after").await;
    pause(Elapsed::seconds(4)).await;
    assert_eq!(sent(&fleet.outbox).len(), 2, "the others it leaves");
    let newer = fleet.start(Knows::Both);
    let sent = fleet.wait_for(4).await;
    let of_newer = sent.iter().filter(|sent| sent.process == newer.process());
    let to: Vec<&str> = of_newer.map(|sent| sent.to.as_str()).collect();
    assert_eq!(to, ["after@example.com"; 2]);
    assert_eq!(sent.len(), 4);
    older.end();
    newer.end();
}
