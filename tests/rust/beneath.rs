//! Files below a directory, both ways: what is opened, and what is not.

use std::fs::{File, create_dir, create_dir_all, remove_dir_all, write};
use std::io::Read as _;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use _native::beneath::{Refusal, Root};

/// A root with a file and links out of it, beside a file that nobody may have.
struct Tree(PathBuf);

impl Tree {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sealgate-{name}-{}", std::process::id()));
        create_dir_all(path.join("root/down")).unwrap();
        create_dir(path.join("outside")).unwrap();
        write(path.join("outside/canary"), "canary").unwrap();
        write(path.join("root/down/file"), "inside").unwrap();
        symlink("../outside", path.join("root/out")).unwrap();
        symlink("down", path.join("root/in")).unwrap();
        symlink("file", path.join("root/down/same")).unwrap();
        Self(path)
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        remove_dir_all(&self.0).unwrap();
    }
}

#[test]
fn only_a_regular_file_on_a_straight_way_is_opened() {
    let tree = Tree::new("way");
    for walks in [false, true] {
        let root = Root::new(tree.0.join("root"), walks).unwrap();
        assert!(root.walks() || !walks);
        let mut content = String::new();
        File::from(root.open("down/file").unwrap()).read_to_string(&mut content).unwrap();
        assert_eq!("inside", content);
        let nowhere = ["out/canary", "in/file", "down/same", "down", "down/", "/etc/passwd", "", ".", "down/file\0"];
        let outside = ["../outside/canary", "down/../../outside/canary", "down/../down/file", "absent", "down/file/x"];
        for name in nowhere.into_iter().chain(outside) {
            assert!(matches!(root.open(name), Err(Refusal::Absent(_))), "{name:?}");
        }
    }
}

#[test]
fn a_root_is_a_directory_and_is_looked_up_again() {
    let tree = Tree::new("root");
    for (at, walks) in [false, true].into_iter().enumerate() {
        assert!(matches!(Root::new(tree.0.join("absent"), walks), Err(Refusal::RootFailed(_))));
        assert!(matches!(Root::new(tree.0.join("root/down/file"), walks), Err(Refusal::RootFailed(_))));
        let root = Root::new(tree.0.join("root"), walks).unwrap();
        let aside = tree.0.join(format!("aside{at}"));
        std::fs::rename(tree.0.join("root"), &aside).unwrap();
        assert!(matches!(root.open("down/file"), Err(Refusal::RootFailed(_))));
        std::fs::rename(&aside, tree.0.join("root")).unwrap();
        assert!(root.open("down/file").is_ok());
    }
}
