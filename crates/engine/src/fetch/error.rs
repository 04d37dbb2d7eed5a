//! Why bytes could not be had.

use std::path::PathBuf;

/// An address did not give what was asked for. Addresses are shown without user and password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// Not an address.
    #[error("`{url}` is not an address: {reason}")]
    BadUrl {
        /// What was given.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// Another scheme than `http` and `https`.
    #[error("`{url}`: only http and https addresses are fetched")]
    Scheme {
        /// What was given.
        url: String,
    },
    /// The address is not a public one.
    #[error("`{url}`: {host} is a private, local or reserved address")]
    PrivateAddress {
        /// What was asked for.
        url: String,
        /// The host that is not public.
        host: String,
    },
    /// More bytes than allowed.
    #[error("`{url}` has more than {limit} bytes")]
    TooLarge {
        /// What was asked for.
        url: String,
        /// How many bytes are allowed.
        limit: u64,
    },
    /// The server said no.
    #[error("`{url}`: the server answered {status}")]
    Status {
        /// What was asked for.
        url: String,
        /// HTTP status.
        status: u16,
        /// Seconds after which the server wants to be asked again.
        retry_after: Option<u64>,
    },
    /// Redirects without end.
    #[error("`{url}`: redirected more than {limit} times, or in a circle")]
    TooManyRedirects {
        /// What was asked for.
        url: String,
        /// How many redirects are followed.
        limit: usize,
    },
    /// A redirect that is not followed.
    #[error("`{url}`: the redirect is not followed, {reason}")]
    BadRedirect {
        /// What was asked for.
        url: String,
        /// Why not.
        reason: String,
    },
    /// No answer in time.
    #[error("`{url}`: no answer in time")]
    Timeout {
        /// What was asked for.
        url: String,
    },
    /// Too few bytes a second.
    #[error("`{url}`: the server sends too slowly")]
    SlowServer {
        /// What was asked for.
        url: String,
    },
    /// The host has not answered for so long that it is asked only now and then.
    #[error("`{url}`: {host} has not answered as it should for {seconds} seconds")]
    HostDown {
        /// What was asked for.
        url: String,
        /// The host.
        host: String,
        /// For how long.
        seconds: u64,
    },
    /// Whoever asked does not want it any more.
    #[error("`{url}`: stopped")]
    Stopped {
        /// What was asked for.
        url: String,
    },
    /// Something else on the way.
    #[error("`{url}`: {reason}")]
    Network {
        /// What was asked for.
        url: String,
        /// What happened.
        reason: String,
    },
    /// What came could not be kept.
    #[error("`{url}`: could not be written: {reason}")]
    Write {
        /// What was asked for.
        url: String,
        /// What the disk says.
        reason: String,
    },
}

impl FetchError {
    /// Kebab-case name that programs can rely on.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadUrl { .. } => "bad-url",
            Self::Scheme { .. } => "bad-scheme",
            Self::PrivateAddress { .. } => "private-address",
            Self::TooLarge { .. } => "too-large-to-fetch",
            Self::Status { .. } => "http-status",
            Self::TooManyRedirects { .. } => "too-many-redirects",
            Self::BadRedirect { .. } => "bad-redirect",
            Self::Timeout { .. } => "timeout",
            Self::SlowServer { .. } => "slow-server",
            Self::HostDown { .. } => "host-down",
            Self::Stopped { .. } => "stopped",
            Self::Network { .. } => "network",
            Self::Write { .. } => "disk",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::BadUrl { .. } | Self::Scheme { .. } => "write the whole address, with https://",
            Self::PrivateAddress { .. } => "set allow_private_addresses when the pictures lie in your own network",
            Self::TooLarge { .. } => "offer a smaller file",
            Self::Status { status: 401 | 403, .. } => "the server does not let strangers see it: make it public",
            Self::Status { status: 404 | 410, .. } => "the file is gone: correct the address in the feed",
            Self::TooManyRedirects { .. } | Self::BadRedirect { .. } => "give the address where the file really is",
            Self::Status { .. }
            | Self::Timeout { .. }
            | Self::SlowServer { .. }
            | Self::HostDown { .. }
            | Self::Stopped { .. }
            | Self::Network { .. } => "try again later; what is there already is not fetched twice",
            Self::Write { .. } => "make room on the disk",
        }
    }

    /// Whether the same request may succeed later: the server is in trouble, not the address.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        self.is_temporary() || matches!(self, Self::SlowServer { .. } | Self::HostDown { .. } | Self::Stopped { .. })
    }

    /// Whether the same request may succeed in a moment.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Status { status, .. } => matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504),
            Self::Timeout { .. } | Self::Network { .. } => true,
            _ => false,
        }
    }
}

/// A file that a feed names cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// Nothing is said.
    #[error("the source is empty")]
    Empty,
    /// No such file in any of the places that were looked at.
    #[error("there is no file `{name}` in {}", list(.looked_at))]
    Missing {
        /// The name as the feed gives it.
        name: String,
        /// The folders that were looked at.
        looked_at: Vec<PathBuf>,
    },
    /// The feed came over the network: files of this machine are none of its business.
    #[error("`{name}` is a file name, and this feed may only use http(s) addresses and data: URIs")]
    NotAllowed {
        /// The name as the feed gives it.
        name: String,
    },
    /// The name leads out of the feed's folders.
    #[error("`{name}` leads out of the feed's folder")]
    Outside {
        /// The name as the feed gives it.
        name: String,
    },
    /// Something else than a file.
    #[error("{} is not a file", path.display())]
    NotAFile {
        /// What it is.
        path: PathBuf,
    },
    /// More bytes than allowed.
    #[error("`{name}` has more than {limit} bytes")]
    TooLarge {
        /// The name.
        name: String,
        /// How many bytes are allowed.
        limit: u64,
    },
    /// Not a `data:` URI that can be read.
    #[error("the data: URI cannot be read: {reason}")]
    BadData {
        /// What is wrong.
        reason: String,
    },
    /// The zip cannot be read.
    #[error("the zip {}: {reason}", path.display())]
    Archive {
        /// The zip.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The disk refuses.
    #[error("{}: {reason}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
}

impl SourceError {
    /// Kebab-case name that programs can rely on.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty-source",
            Self::Missing { .. } => "missing-picture",
            Self::NotAllowed { .. } => "file-not-allowed",
            Self::Outside { .. } => "outside-folder",
            Self::NotAFile { .. } => "not-a-file",
            Self::TooLarge { .. } => "too-many-bytes",
            Self::BadData { .. } => "bad-data-uri",
            Self::Archive { .. } => "bad-zip",
            Self::Io { .. } => "unreadable-file",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Empty => "leave the picture out, or say where it is",
            Self::Missing { .. } => "say where the pictures are with --images FOLDER (or a zip)",
            Self::NotAllowed { .. } => "use addresses, or import on the server's own command line",
            Self::Outside { .. } => "put the pictures below the feed's folder, or name theirs with --images",
            Self::NotAFile { .. } => "name a picture file",
            Self::TooLarge { .. } => "save the picture smaller",
            Self::BadData { .. } => "write data:image/jpeg;base64,…",
            Self::Archive { .. } => "make the zip again",
            Self::Io { .. } => "look at the file's rights",
        }
    }
}

fn list(paths: &[PathBuf]) -> String {
    let shown: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    if shown.is_empty() { "the feed's places".to_owned() } else { shown.join(" or ") }
}
