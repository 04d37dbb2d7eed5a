//! A disk that is too small, and one that fills up on the way: nothing that was acknowledged is lost, and what is to be done
//! is said.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::kills::picture;
use super::shop::{Ran, Server, data_uri, product, ran, run, vetrina};

/// A disk of its own: a tmpfs, unmounted when dropped. None where this user may not mount.
struct Disk(PathBuf, #[expect(dead_code, reason = "removed when dropped")] tempfile::TempDir);

impl Disk {
    fn of(mebibytes: u64) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={mebibytes}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).output();
        mounted.is_ok_and(|output| output.status.success()).then(|| Self(folder.path().to_owned(), folder))
    }

    /// Fills it until `left` bytes are free.
    fn fill(&self, left: u64) -> PathBuf {
        let path = self.0.join("filler");
        let mut file = fs::OpenOptions::new().create(true).append(true).open(&path).unwrap();
        let block = vec![1; 1 << 20];
        while self.free() > left + (1 << 20) && file.write_all(&block).is_ok() {}
        path
    }

    fn free(&self) -> u64 {
        let output = Command::new("df").args(["--output=avail", "-B1"]).arg(&self.0).output().unwrap();
        String::from_utf8(output.stdout).unwrap().lines().last().unwrap().trim().parse().unwrap()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

fn feed_of_pictures(count: u64) -> Vec<u8> {
    let line = |number| {
        let image = json!([{"source": data_uri(&picture(number))}]);
        json!({"id": format!("f-{number}"), "title": format!("Filled {number}"), "images": image}).to_string() + "\n"
    };
    (0..count).map(line).collect::<String>().into_bytes()
}

fn job(server: &Server, id: &str, until: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + Duration::from_mins(2);
    loop {
        let job = server.get(&format!("/v1/jobs/{id}")).is(200).json();
        if until(&job) {
            return job;
        }
        assert!(Instant::now() < deadline, "{job}");
        thread::sleep(Duration::from_millis(30));
    }
}

#[test]
fn a_disk_that_fills_up_stops_the_job_and_loses_nothing() {
    let Some(disk) = Disk::of(400) else {
        // Without the right to mount, the limit on the length of files stands for the disk: see the other test.
        return files_that_may_not_grow_stop_the_job_and_lose_nothing();
    };
    let data = disk.0.join("data");
    let server = Server::over(&data);
    let started = server.ask("POST", "/v1/catalogues/shop/imports?name=feed.jsonl", &[], feed_of_pictures(400)).is(202);
    let id = started.json()["job"]["id"].as_str().unwrap().to_owned();
    job(&server, &id, |job| job["done"].as_u64().unwrap() >= 20);
    let filler = disk.fill(16 << 20);
    let failed = job(&server, &id, |job| job["state"] != "running");
    assert_eq!(failed["state"], "failed", "{failed}");
    let message = failed["message"].as_str().unwrap();
    assert!(message.contains("disk") && message.contains("make room"), "{message}");
    let done = failed["done"].as_u64().unwrap();
    assert!((20..400).contains(&done), "{failed}");

    // Not a byte is left: what was written is found, and further writes say why not.
    disk.fill(0);
    let all = server.get("/v1/catalogues/shop/products?limit=1").is(200).json();
    assert_eq!(all["total"], done);
    let found = server.post("/v1/catalogues/shop/search", &json!({"text": "filled", "limit": 100})).is(200).json();
    assert_eq!(found["total"], done, "{found}");
    let refused = server.put("/v1/catalogues/shop/products/p-1", &product(1));
    assert_eq!(refused.problem(503), "disk-full");
    assert!(refused.json()["hint"].as_str().unwrap().contains("make room"));
    let another = server.ask("POST", "/v1/catalogues/other/imports?name=feed.jsonl", &[], feed_of_pictures(40));
    if another.status == 202 {
        // The feed itself found room yet.
        let id = another.json()["job"]["id"].as_str().unwrap().to_owned();
        let failed = job(&server, &id, |job| job["state"] != "running");
        assert!(failed["state"] == "failed" && failed["message"].as_str().unwrap().contains("disk"), "{failed}");
    } else {
        assert_eq!(another.problem(503), "disk-full");
    }

    fs::remove_file(filler).unwrap();
    server.post(&format!("/v1/jobs/{id}/resume"), &json!({})).is(200);
    let resumed = job(&server, &id, |job| job["state"] != "running");
    assert_eq!((&resumed["state"], &resumed["created"]), (&json!("done"), &json!(400)), "{resumed}");
    let found = server.post("/v1/catalogues/shop/search", &json!({"text": "filled"})).is(200).json();
    assert_eq!(found["total"], 400);
    server.put("/v1/catalogues/shop/products/p-1", &product(1)).is(201);
}

#[test]
fn an_import_that_does_not_fit_says_so_before_it_starts() {
    let Some(disk) = Disk::of(100) else { return };
    let shop = tempfile::tempdir().unwrap();
    let feed = shop.path().join("feed.jsonl");
    fs::write(&feed, feed_of_pictures(3)).unwrap();
    let (data, feed) = (disk.0.join("data"), feed.to_str().unwrap());
    let looked = run(&data, &["import", feed, "--dry-run", "--json"]).ends(1);
    let report: Value = serde_json::from_str(looked.out.lines().next().unwrap()).unwrap();
    assert_eq!(report["fits"], false, "{report}");
    assert!(report["why"].as_str().unwrap().contains("disk"), "{report}");
    let refused = run(&data, &["import", feed, "--json"]).ends(1);
    assert_eq!(refused.json()["error"]["code"], "does-not-fit", "{refused:?}");
    assert!(refused.err.contains("MB") && refused.err.contains("--data"), "{}", refused.err);
    let found = run(&data, &["search", "--text", "filled", "--json"]);
    assert!(found.code != 0 || found.json()["total"] == 0, "nothing was written: {found:?}");
}

/// Runs a command with a limit of the shell (`ulimit`) on it.
fn limited(limit: &str, data: &Path, arguments: &[&str]) -> Ran {
    let mut command = Command::new("bash");
    // The signal of a file that grows too long is left out, so that the write fails as on a full disk.
    command.arg("-c").arg(format!("trap '' XFSZ; ulimit {limit}; exec \"$@\"")).arg("bash");
    let inner = vetrina();
    command.arg(inner.get_program());
    for (name, value) in inner.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    ran(command.args(arguments).arg("--data").arg(data))
}

#[test]
fn files_that_may_not_grow_stop_the_job_and_lose_nothing() {
    let (data, shop) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let feed = shop.path().join("feed.jsonl");
    let mut file = File::create(&feed).unwrap();
    let words = "a long description ".repeat(20_000);
    for number in 0..150 {
        let line = json!({"id": format!("d-{number}"), "title": "Long", "description": format!("{number} {words}")});
        writeln!(file, "{line}").unwrap();
    }
    drop(file);
    let feed = feed.to_str().unwrap();
    // 24 MiB: enough for the files that the index makes at once, not for a database with all the descriptions.
    let stopped = limited("-f 24576", data.path(), &["import", feed, "--json"]).ends(1);
    let error = &stopped.json()["error"];
    assert!(error["hint"].as_str().unwrap().contains("vetrina job resume "), "{error}");
    let jobs = run(data.path(), &["job", "list", "--json"]).ends(0).json();
    let job = &jobs["jobs"][0];
    assert!(["failed", "interrupted"].contains(&job["state"].as_str().unwrap()), "{job}");
    let done = job["done"].as_u64().unwrap();
    assert!(done < 150, "{job}");
    let found = run(data.path(), &["search", "--text", "long", "--json"]).ends(0).json();
    assert!(found["total"].as_u64().unwrap() >= done, "{found}");
    let resumed = run(data.path(), &["job", "resume", job["id"].as_str().unwrap(), "--json"]).ends(0).json();
    assert_eq!((&resumed["state"], &resumed["created"]), (&json!("done"), &json!(150)), "{resumed}");
    let found = run(data.path(), &["search", "--text", "long", "--json"]).ends(0).json();
    assert_eq!(found["total"], 150);
}

#[test]
fn memory_that_is_not_there_is_missed_before_the_import_starts() {
    let (data, shop) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let feed = shop.path().join("feed.jsonl");
    let line = |number: u32| json!({"id": format!("m-{number}"), "title": "Many"}).to_string() + "\n";
    fs::write(&feed, (0..200_000).map(line).collect::<String>()).unwrap();
    let arguments = ["import", feed.to_str().unwrap(), "--json"];
    let dry = [&arguments[..], &["--dry-run"]].concat();
    // Address space for the program, its model and little more, in KiB.
    let looked = limited("-v 1000000", data.path(), &dry).ends(1);
    let report: Value = serde_json::from_str(looked.out.lines().next().unwrap()).unwrap();
    assert!(report["why"].as_str().unwrap().contains("memory"), "{report}");
    let refused = limited("-v 1000000", data.path(), &arguments).ends(1);
    assert_eq!(refused.json()["error"]["code"], "does-not-fit", "{refused:?}");
    // Without the limit it fits.
    let report = run(data.path(), &dry).ends(0).json();
    assert_eq!((&report["fits"], &report["new_products"]), (&json!(true), &json!(200_000)), "{report}");
}
