//! Files that are whole or not there, and outlast a loss of power.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;

use leadkit::ids::{Id, Tenant};

/// The longest name that a tenant's folder has unabridged, in bytes. File systems allow 255 and
/// paths may be short of room.
const LONGEST: usize = 100;
/// How much of a longer one is kept in front of its hash.
const KEPT: usize = 60;

/// Why a file is not, or perhaps not, there.
#[derive(Debug)]
pub(crate) enum Fault {
    /// It surely isn't.
    NotWritten(io::Error),
    /// Nobody knows.
    Unknown(io::Error),
}

/// Makes a folder, with those above it that are missing.
pub(crate) fn make(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let Some(parent) = folder.parent() else {
        return Err(ErrorKind::NotFound.into());
    };
    make(parent)?;
    make_one(folder)?;
    sync(parent)
}

/// Writes a file, whole and for good, unless there is one of this name. Its folder is made, the
/// one above is not.
pub(crate) fn write_once(path: &Path, bytes: &[u8]) -> Result<(), Fault> {
    let (folder, above) = path
        .parent()
        .and_then(|folder| Some((folder, folder.parent()?)))
        .ok_or_else(|| Fault::NotWritten(ErrorKind::InvalidInput.into()))?;
    make_one(folder).map_err(Fault::NotWritten)?;
    // Each time: who made the folder may have died before syncing.
    sync(above).map_err(Fault::NotWritten)?;
    if !is_there(path).map_err(Fault::NotWritten)? {
        let file = written(folder, bytes).map_err(Fault::NotWritten)?;
        if let Err(failed) = file.persist(path) {
            return Err(match is_there(path) {
                Ok(false) => Fault::NotWritten(failed.error),
                // Remote file systems can fail at what they have done.
                Ok(true) | Err(_) => Fault::Unknown(failed.error),
            });
        }
    }
    // Even if it was there: who wrote it may have died before syncing.
    sync(folder).map_err(Fault::Unknown)
}

/// A temporary file with these bytes, synced. It deletes itself when dropped.
fn written(folder: &Path, bytes: &[u8]) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".").suffix(".tmp");
    #[cfg(unix)]
    {
        // As of any new file: the umask says who can read it.
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}

fn is_there(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => Ok(true),
        Ok(_) => Err(io::Error::other("something that is no file has its name")),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn make_one(folder: &Path) -> io::Result<()> {
    match fs::create_dir(folder) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        outcome => outcome,
    }
}

/// Makes the names in a folder outlast a loss of power.
#[cfg(unix)]
fn sync(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

/// Elsewhere a folder can't be synced; its file system keeps a journal of names.
#[cfg(not(unix))]
fn sync(_: &Path) -> io::Result<()> {
    Ok(())
}

/// The name of a tenant's folder: safe on every file system, and another for every tenant.
pub(crate) fn name_of(tenant: &Tenant) -> String {
    let mut name = String::new();
    for (place, byte) in tenant.as_str().bytes().enumerate() {
        let is_plain = byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if is_plain && !(place == 0 && is_reserved(tenant.as_str())) {
            name.push(char::from(byte));
        } else {
            // A `String` takes everything.
            let _ = write!(name, "_{byte:02x}");
        }
    }
    if name.is_empty() {
        name.push('_');
    }
    if name.len() > LONGEST {
        name.truncate(KEPT);
        let _ = write!(name, "_-{}", Id::named("tenant", tenant.as_str()));
    }
    name
}

/// Whether Windows keeps this name for a device.
fn is_reserved(name: &str) -> bool {
    match name.as_bytes() {
        b"con" | b"prn" | b"aux" | b"nul" => true,
        [b'c', b'o', b'm', digit] | [b'l', b'p', b't', digit] => digit.is_ascii_digit(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(tenant: &str) -> String {
        name_of(&Tenant::from(tenant))
    }

    #[test]
    fn ordinary_tenants_keep_their_names_and_odd_ones_get_safe_ones() {
        assert_eq!(name("north-7"), "north-7");
        assert_eq!(name("Nörd"), "_4e_c3_b6rd");
        assert_eq!(name(".."), "_2e_2e");
        assert_eq!(name("a/b\\c:d\0"), "a_2fb_5cc_3ad_00");
        assert_eq!(name(""), "_");
        assert_eq!(name("nul"), "_6eul");
        assert_eq!(name("com7"), "_63om7");
        assert_eq!(name("common"), "common");
    }

    #[test]
    fn long_tenants_that_begin_alike_stay_apart() {
        let [one, other] = ["1", "2"].map(|end| name(&format!("{}{end}", "x".repeat(5_000))));
        assert_ne!(one, other);
        assert!(one.len() <= LONGEST);
    }

    proptest! {
        #[test]
        fn two_tenants_never_share_a_folder(one in "[a-cA-C_./]{0,4}", other in "[a-cA-C_./]{0,4}") {
            prop_assert_eq!(one == other, name(&one) == name(&other));
        }

        #[test]
        fn every_name_is_safe(tenant in any::<String>()) {
            let name = name(&tenant);
            prop_assert!((1..=LONGEST).contains(&name.len()));
            prop_assert!(name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_')));
        }
    }
}
