//! Opening a regular file below a directory: the only module with I/O, which no other module of the core uses.
//!
//! A name leads down and nowhere else: over no symbolic link, no mount, no `..`, and to a regular file. Linux is asked
//! for just that (openat2(2)). Where it does not know the call, or a filter forbids it (ENOSYS or EPERM: kernels before
//! 5.6, older seccomp profiles), and on other Unixes, [`Root`] walks: each directory is opened from the one above it,
//! and nothing is followed (openat(2) with `O_NOFOLLOW`). Either way a name that is changed meanwhile is refused, or is
//! what it was before or after the change: what is judged is what was opened, not what stands under the name.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use rustix::fs::{FileType, Mode, OFlags, fstat, open, openat};
use rustix::io::{Errno, retry_on_intr};

/// A directory, by its path: what stands there is looked up at each opening, symbolic links in the path included, so
/// that who replaces the directory replaces what is served. No descriptor is kept, so none is shared with a fork.
#[derive(Debug)]
pub struct Root {
    path: PathBuf,
    walks: bool,
}

/// Why nothing was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no regular file of that name: what stands in its way.
    Absent(&'static str),
    /// The system could not open it.
    Failed(Errno),
    /// The directory itself could not be opened.
    RootFailed(Errno),
}

impl Root {
    /// `walks`: without openat2(2), also where the system has it.
    pub fn new(path: PathBuf, walks: bool) -> Result<Self, Refusal> {
        let root = Self { path, walks };
        let opened = root.directory()?;
        Ok(Self { walks: walks || ask(opened.as_fd(), ".", DIRECTORY).is_none(), ..root })
    }

    /// Whether it walks.
    #[must_use]
    pub fn walks(&self) -> bool {
        self.walks
    }

    /// The file `name`: names with `/` between them. It is opened for reading, and does not block.
    pub fn open(&self, name: &str) -> Result<OwnedFd, Refusal> {
        if name.split('/').any(|part| matches!(part, "" | "." | "..") || part.contains('\0')) {
            return Err(Refusal::Absent("a name that does not lead down"));
        }
        let root = self.directory()?;
        let asked = if self.walks { None } else { ask(root.as_fd(), name, FILE) };
        let opened = asked.unwrap_or_else(|| walk(root.as_fd(), name)).map_err(refusal)?;
        let kind = fstat(&opened).map_err(Refusal::Failed)?.st_mode;
        // What can block, or does something when it is opened or read, is no file to serve: a FIFO, a device.
        match FileType::from_raw_mode(kind) {
            FileType::RegularFile => Ok(opened),
            _ => Err(Refusal::Absent("not a regular file")),
        }
    }

    fn directory(&self) -> Result<OwnedFd, Refusal> {
        retry_on_intr(|| open(&self.path, DIRECTORY, Mode::empty())).map_err(Refusal::RootFailed)
    }
}

/// `O_NONBLOCK`: opening a FIFO does not wait for who writes. `O_NOCTTY`: no terminal becomes ours.
const FILE: OFlags =
    OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC).union(OFlags::NOFOLLOW);
/// Linux: a directory that one may search need not be one that one may read.
#[cfg(target_os = "linux")]
const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
#[cfg(not(target_os = "linux"))]
const DIRECTORY: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC);

fn refusal(errno: Errno) -> Refusal {
    match errno {
        Errno::NOENT | Errno::NOTDIR => Refusal::Absent("no such file"),
        Errno::LOOP | Errno::MLINK => Refusal::Absent("a symbolic link on the way"),
        Errno::XDEV => Refusal::Absent("a mount on the way"),
        Errno::NAMETOOLONG => Refusal::Absent("a name that is too long"),
        Errno::NXIO | Errno::NODEV | Errno::OPNOTSUPP => Refusal::Absent("not a regular file"),
        other => Refusal::Failed(other),
    }
}

/// From directory to directory, each below the one before it.
fn walk(root: BorrowedFd<'_>, name: &str) -> Result<OwnedFd, Errno> {
    let place = Place::of(root)?;
    let step = |from: BorrowedFd<'_>, part: &str, flags: OFlags| {
        let opened = retry_on_intr(|| openat(from, part, flags, Mode::empty()))?;
        if Place::of(opened.as_fd())? == place { Ok(opened) } else { Err(Errno::XDEV) }
    };
    let Some((directories, file)) = name.rsplit_once('/') else {
        return step(root, name, FILE);
    };
    let mut below: Option<OwnedFd> = None;
    for part in directories.split('/') {
        let from = below.as_ref().map_or(root, AsFd::as_fd);
        below = Some(step(from, part, DIRECTORY.union(OFlags::NOFOLLOW))?);
    }
    step(below.as_ref().map_or(root, AsFd::as_fd), file, FILE)
}

/// Which mount something is in, or where the system does not say (Linux before 5.8, others), on which device: there the
/// mount of another directory of the same device is not seen.
#[derive(PartialEq, Eq)]
enum Place {
    #[cfg(target_os = "linux")]
    Mount(u64),
    Device(u64),
}

impl Place {
    fn of(opened: BorrowedFd<'_>) -> Result<Self, Errno> {
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::{AtFlags, StatxFlags, statx};
            if let Ok(found) = statx(opened, c"", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID)
                && found.stx_mask & StatxFlags::MNT_ID.bits() != 0
            {
                return Ok(Self::Mount(found.stx_mnt_id));
            }
        }
        #[allow(clippy::cast_sign_loss, clippy::unnecessary_cast)] // `dev_t` has a sign on some systems
        fstat(opened).map(|found| Self::Device(found.st_dev as u64))
    }
}

/// The system goes the whole way. None: it does not know the call, or may not answer it.
#[cfg(target_os = "linux")]
fn ask(root: BorrowedFd<'_>, name: &str, flags: OFlags) -> Option<Result<OwnedFd, Errno>> {
    use rustix::fs::{ResolveFlags, openat2};
    const DOWN: ResolveFlags = ResolveFlags::BENEATH
        .union(ResolveFlags::NO_SYMLINKS)
        .union(ResolveFlags::NO_MAGICLINKS)
        .union(ResolveFlags::NO_XDEV);
    match retry_on_intr(|| openat2(root, name, flags, Mode::empty(), DOWN)) {
        Err(Errno::NOSYS | Errno::PERM) => None,
        opened => Some(opened),
    }
}

#[cfg(not(target_os = "linux"))]
fn ask(_root: BorrowedFd<'_>, _name: &str, _flags: OFlags) -> Option<Result<OwnedFd, Errno>> {
    None
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent(what) => f.write_str(what),
            Self::Failed(errno) => errno.fmt(f),
            Self::RootFailed(errno) => write!(f, "root: {errno}"),
        }
    }
}

impl std::error::Error for Refusal {}
