//! Where the files lie, and what becomes of a hand-over when the disk doesn't play along.

use std::fs;
use std::path::{Path, PathBuf};

use leadkit::ids::{CommandId, Id, MessageId, Tenant};
use leadkit::mailer::{Mailbox, Mailer as _, Outcome, Outgoing};
use leadkit::playbook::template::Rendered;
use leadkit::record::message::Class;
use leadkit_maildir::MaildirMailer;

fn message(tenant: &str, at: &str, text: &str) -> Outgoing {
    let at = at.parse().expect("an instant");
    let somebody = Mailbox {
        name: "Ana".into(),
        email: "ana@north.example".parse().expect("an address"),
    };
    Outgoing {
        tenant: Tenant::from(tenant),
        id: MessageId(Id::derived(at, &CommandId::of("any"), "message", 0)),
        attempt: 1,
        message_id: "1@north.example".into(),
        template: "hello".into(),
        from: somebody.clone(),
        to: somebody,
        class: Class::Alert,
        rendered: Rendered {
            subject: "Hello".into(),
            text: text.into(),
            html: None,
        },
        at,
    }
}

fn hand_over(mailer: &MaildirMailer, message: &Outgoing) -> Outcome {
    pollster::block_on(mailer.hand_over(message))
}

/// Every file and folder below this one, hidden ones too, in order.
fn all(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path.clone());
            }
            found.push(path);
        }
    }
    found.sort();
    found
}

fn assert_later(outcome: &Outcome) {
    assert!(matches!(outcome, Outcome::Later { .. }), "{outcome:?}");
}

const NINE: &str = "2026-03-06T09:00:00Z";
const TEN: &str = "2026-03-06T10:00:00Z";

#[test]
fn a_message_that_comes_again_is_one_file_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let mailer = MaildirMailer::open(folder.path()).unwrap();
    let mut again = message("north", NINE, "first");
    assert_eq!(hand_over(&mailer, &again), Outcome::Accepted);
    again.rendered.text = "second".into();
    again.at = TEN.parse().unwrap();
    assert_eq!(hand_over(&mailer, &again), Outcome::Accepted);

    let file = mailer.path(&again.tenant, again.id);
    assert_eq!(
        all(folder.path()),
        [folder.path().join("north"), file.clone()]
    );
    assert!(fs::read_to_string(file).unwrap().ends_with("first\r\n"));
}

#[test]
fn files_sort_by_time_and_tenants_stay_apart() {
    let folder = tempfile::tempdir().unwrap();
    let mailer = MaildirMailer::open(folder.path()).unwrap();
    let [late, early, other] = [("north", TEN), ("north", NINE), ("North", NINE)]
        .map(|(tenant, at)| message(tenant, at, "text"));
    assert_eq!(early.id, other.id);
    for message in [&late, &early, &other] {
        assert_eq!(hand_over(&mailer, message), Outcome::Accepted);
    }
    let files: Vec<_> = all(folder.path())
        .into_iter()
        .filter(|path| path.is_file())
        .collect();
    let expected = [&other, &early, &late].map(|message| mailer.path(&message.tenant, message.id));
    assert_eq!(files, expected);
}

#[test]
fn no_tenant_leads_out_of_the_folder() {
    let above = tempfile::tempdir().unwrap();
    let folder = above.path().join("mail");
    let mailer = MaildirMailer::open(&folder).unwrap();
    for tenant in ["..", "../..", "/tmp", "", ".", "C:\\x", "a\0b"] {
        let message = message(tenant, NINE, "text");
        assert_eq!(hand_over(&mailer, &message), Outcome::Accepted);
        let file = mailer.path(&message.tenant, message.id);
        assert_eq!(file.parent().and_then(Path::parent), Some(&*folder));
    }
    assert_eq!(fs::read_dir(above.path()).unwrap().count(), 1);
    assert_eq!(fs::read_dir(folder).unwrap().count(), 7);
}

#[test]
fn a_folder_that_cannot_be_written_means_later_and_then_it_works() {
    let folder = tempfile::tempdir().unwrap();
    let mailer = MaildirMailer::open(folder.path()).unwrap();
    let message = message("north", NINE, "text");
    // Rights don't hold an administrator back; a file where the folder would be does.
    let in_the_way = folder.path().join("north");
    fs::write(&in_the_way, "").unwrap();
    assert_later(&hand_over(&mailer, &message));
    assert_eq!(all(folder.path()), std::slice::from_ref(&in_the_way));

    fs::remove_file(in_the_way).unwrap();
    assert_eq!(hand_over(&mailer, &message), Outcome::Accepted);
}

#[cfg(unix)]
#[test]
fn a_folder_without_the_right_to_write_means_later() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let mailer = MaildirMailer::open(folder.path()).unwrap();
    let tenant = folder.path().join("north");
    fs::create_dir(&tenant).unwrap();
    fs::set_permissions(&tenant, fs::Permissions::from_mode(0o555)).unwrap();
    let is_held_back = fs::write(tenant.join("probe"), "").is_err();
    let outcome = hand_over(&mailer, &message("north", NINE, "text"));
    fs::set_permissions(&tenant, fs::Permissions::from_mode(0o755)).unwrap();
    if is_held_back {
        assert_later(&outcome);
        assert!(all(&tenant).is_empty());
    } else {
        // An administrator runs the test.
        assert_eq!(outcome, Outcome::Accepted);
    }
}

#[test]
fn a_folder_that_vanished_is_not_made_again() {
    let above = tempfile::tempdir().unwrap();
    let folder = above.path().join("mail");
    let mailer = MaildirMailer::open(&folder).unwrap();
    fs::remove_dir(&folder).unwrap();
    assert_later(&hand_over(&mailer, &message("north", NINE, "text")));
    assert!(!folder.exists());
}

#[test]
fn something_else_of_the_same_name_is_neither_replaced_nor_taken_for_the_message() {
    let folder = tempfile::tempdir().unwrap();
    let mailer = MaildirMailer::open(folder.path()).unwrap();
    let message = message("north", NINE, "text");
    let in_the_way = mailer.path(&message.tenant, message.id);
    fs::create_dir_all(&in_the_way).unwrap();
    assert_later(&hand_over(&mailer, &message));
    assert_eq!(
        all(folder.path()),
        [folder.path().join("north"), in_the_way]
    );
}

#[test]
fn many_at_once_make_one_whole_file_and_leave_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mailer = MaildirMailer::open(folder.path()).unwrap();
    let text = "text\n".repeat(10_000);
    let message = message("north", NINE, &text);
    std::thread::scope(|threads| {
        for _ in 0..8 {
            threads.spawn(|| assert_eq!(hand_over(&mailer, &message), Outcome::Accepted));
        }
    });
    let file = mailer.path(&message.tenant, message.id);
    assert_eq!(
        all(folder.path()),
        [folder.path().join("north"), file.clone()]
    );
    let eml = fs::read_to_string(file).unwrap().replace("\r\n", "\n");
    assert!(eml.ends_with(&format!("\n\n{text}\n")));
}

#[cfg(unix)]
#[test]
fn others_can_read_the_files_as_far_as_the_umask_lets_them() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let mailer = MaildirMailer::open(folder.path()).unwrap();
    let message = message("north", NINE, "text");
    assert_eq!(hand_over(&mailer, &message), Outcome::Accepted);
    let common = folder.path().join("common");
    fs::write(&common, "").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(
        mode(&mailer.path(&message.tenant, message.id)),
        mode(&common)
    );
}

#[test]
fn what_is_no_folder_cannot_be_opened() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [file.clone(), file.join("below")] {
        let error = MaildirMailer::open(&path).unwrap_err();
        assert_eq!(error.folder(), path);
        assert!(std::error::Error::source(&error).is_some());
    }
}
