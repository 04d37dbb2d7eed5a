//! A shop to test: data folders, the binary, a running server, and a plain HTTP client.

use std::env;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// The binary under test, with nothing of the caller's settings.
pub fn vetrina() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vetrina"));
    for (name, _) in env::vars_os() {
        let own = name.to_str().is_some_and(|name| name.starts_with("VETRINA_"));
        if own && name != "VETRINA_ONNXRUNTIME" && name != "VETRINA_DEMO" {
            command.env_remove(name);
        }
    }
    command
}

/// Folder of the demo catalogue.
pub fn demo() -> PathBuf {
    let of = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = of("VETRINA_DEMO").unwrap_or_else(|| {
        of("XDG_CACHE_HOME").unwrap_or_else(|| of("HOME").unwrap().join(".cache")).join("vetrina").join("demo")
    });
    assert!(folder.join("products.csv").is_file(), "the demo catalogue is missing: run `make setup`");
    folder
}

/// A photo of the demo shop by a part of its file's name.
pub fn photo(part: &str) -> PathBuf {
    let mut found: Vec<PathBuf> = fs::read_dir(demo().join("images"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_string_lossy().contains(part))
        .collect();
    assert_eq!(found.len(), 1, "{part}: {found:?}");
    found.remove(0)
}

/// The demo shop's instant camera, the only one of its kind there.
pub fn instant_camera() -> PathBuf {
    photo("eniko-kis-663725")
}

/// What a command wrote and how it ended.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    pub fn lines(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[track_caller]
    pub fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, code, "out: {}\nerr: {}", self.out, self.err);
        self
    }
}

/// Runs a command over a data folder.
pub fn run<S: AsRef<std::ffi::OsStr>>(data: &Path, arguments: &[S]) -> Ran {
    ran(vetrina().args(arguments).arg("--data").arg(data))
}

pub fn ran(command: &mut Command) -> Ran {
    let output = command.stdin(Stdio::null()).output().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A data folder with the demo catalogue, imported once and copied for each test.
pub fn demo_data() -> TempDir {
    static IMPORTED: OnceLock<PathBuf> = OnceLock::new();
    let imported = IMPORTED.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("doors-demo");
        let _ = fs::remove_dir_all(&folder);
        import_demo(&folder).ends(0);
        folder
    });
    let copy = tempfile::tempdir().unwrap();
    copy_folder(imported, copy.path());
    copy
}

/// Imports the demo catalogue.
pub fn import_demo(data: &Path) -> Ran {
    let (feed, images) = (demo().join("products.csv"), demo().join("images"));
    let arguments =
        ["import", feed.to_str().unwrap(), "--images", images.to_str().unwrap(), "--default-currency", "USD", "--json"];
    run(data, &arguments)
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A running server.
pub struct Server {
    child: Child,
    pub url: String,
    agent: ureq::Agent,
}

impl Server {
    /// Serves a data folder, and waits until it is ready.
    pub fn over(data: &Path) -> Self {
        Self::with(data, &[])
    }

    /// The same with more arguments.
    pub fn with(data: &Path, arguments: &[&str]) -> Self {
        let server = Self::started(data, arguments);
        server.wait_until_ready();
        server
    }

    /// Starts one and waits until its data folder is open.
    pub fn started(data: &Path, arguments: &[&str]) -> Self {
        Self::of("serve", data, arguments)
    }

    /// The demo shop.
    pub fn demo(data: &Path) -> Self {
        let server = Self::of("demo", data, &[]);
        server.wait_until_ready();
        server
    }

    fn of(command: &str, data: &Path, arguments: &[&str]) -> Self {
        let mut child = vetrina()
            .args([command, "--json", "--listen", "127.0.0.1:0", "--log-level", "error", "--data"])
            .arg(data)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let url = said["listening"].as_str().unwrap().to_owned();
        let config =
            ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(Duration::from_mins(1)));
        Self { child, url, agent: config.build().into() }
    }

    pub fn wait_until_ready(&self) {
        let until = Instant::now() + Duration::from_secs(30);
        while self.get("/readyz").status != 200 {
            assert!(Instant::now() < until, "{:?}", self.get("/readyz"));
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], Vec::new())
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask("POST", path, &[("content-type", "application/json")], body.to_string().into_bytes())
    }

    pub fn put(&self, path: &str, body: &Value) -> Answer {
        self.ask("PUT", path, &[("content-type", "application/json")], body.to_string().into_bytes())
    }

    pub fn delete(&self, path: &str) -> Answer {
        self.ask("DELETE", path, &[], Vec::new())
    }

    pub fn search(&self, query: &Value) -> Answer {
        self.post("/v1/catalogues/default/search", query)
    }

    /// A search with photos, as a browser sends it.
    pub fn search_photos(&self, photos: &[&[u8]], query: Option<&Value>) -> Answer {
        let mut body = Vec::new();
        let mut part = |head: &str, content: &[u8]| {
            body.extend_from_slice(format!("--b0undary\r\ncontent-disposition: form-data; {head}\r\n\r\n").as_bytes());
            body.extend_from_slice(content);
            body.extend_from_slice(b"\r\n");
        };
        for photo in photos {
            part("name=\"image\"; filename=\"photo.jpg\"", photo);
        }
        if let Some(query) = query {
            part("name=\"query\"", query.to_string().as_bytes());
        }
        body.extend_from_slice(b"--b0undary--\r\n");
        let head = [("content-type", "multipart/form-data; boundary=b0undary")];
        self.ask("POST", "/v1/catalogues/default/search", &head, body)
    }

    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        self.try_ask(method, path, headers, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    pub fn try_ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Answer, ureq::Error> {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = if body.is_empty() {
            self.agent.run(request.body(()).unwrap())?
        } else {
            self.agent.run(request.body(body).unwrap())?
        };
        let headers = response.headers().iter();
        let headers =
            headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned())).collect();
        let status = response.status().as_u16();
        let body = response.body_mut().with_config().limit(1 << 30).read_to_vec()?;
        Ok(Answer { status, headers, body })
    }

    /// What comes back for bytes as they are.
    pub fn raw(&self, request: &str) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.url.trim_start_matches("http://")).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        answer
    }

    /// The number of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by name.
    pub fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{signal}"), &id]).status().unwrap().success());
    }

    /// Waits for the end.
    pub fn wait(&mut self) -> i32 {
        self.child.wait().unwrap().code().unwrap_or(-1)
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What a server answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value)
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self
    }

    /// A problem document of this status; its code.
    #[track_caller]
    pub fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        for field in ["type", "title", "detail", "code"] {
            assert!(problem[field].as_str().is_some_and(|text| !text.is_empty()), "{field} in {problem}");
        }
        assert_eq!(problem["status"], status);
        problem["code"].as_str().unwrap().to_owned()
    }
}

/// Titles of a response's hits.
pub fn titles(response: &Value) -> Vec<String> {
    let hits = response["hits"].as_array().unwrap_or_else(|| panic!("{response}"));
    hits.iter().map(|hit| hit["product"]["title"].as_str().unwrap().to_owned()).collect()
}

/// Ids of a response's hits.
pub fn ids(response: &Value) -> Vec<String> {
    let hits = response["hits"].as_array().unwrap_or_else(|| panic!("{response}"));
    hits.iter().map(|hit| hit["product"]["id"].as_str().unwrap().to_owned()).collect()
}

/// A small PNG that is another for each number.
pub fn png(number: u32) -> Vec<u8> {
    let colour = |x: u32, y: u32| {
        let mixed = (number.wrapping_add(1)).wrapping_mul(2_654_435_761).rotate_left((x / 8 + y / 8) % 32);
        image::Rgb([mixed as u8, (mixed >> 8) as u8, (mixed >> 16) as u8])
    };
    let picture = image::RgbImage::from_fn(48, 48, colour);
    let mut bytes = Vec::new();
    picture.write_to(&mut std::io::Cursor::new(&mut bytes), image::ImageFormat::Png).unwrap();
    bytes
}

/// A picture as a `data:` URI.
pub fn data_uri(bytes: &[u8]) -> String {
    use base64::Engine as _;
    format!("data:image/png;base64,{}", base64::engine::general_purpose::STANDARD.encode(bytes))
}

/// A product with a picture of its own.
pub fn product(number: u32) -> Value {
    json!({
        "id": format!("p-{number}"), "title": format!("Lamp Nr{number}x"), "brand": "Lumen", "category": ["Home", "Lamps"],
        "price": {"amount": format!("{}.50", 10 + number % 90), "currency": "EUR"},
        "images": [{"source": data_uri(&png(number))}],
    })
}
