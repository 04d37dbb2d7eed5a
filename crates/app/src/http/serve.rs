//! Starting and stopping.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{oneshot, watch};
use vetrina_engine::engine::CatalogueName;
use vetrina_engine::{Engine, EngineError};

use super::imports::INCOMING;
use super::observe::SECONDS;
use super::router;
use super::state::App;
use crate::output::{Failure, print, print_json, say};
use crate::settings::Settings;

/// How long requests may take to end once the server was asked to stop.
const GRACE: Duration = Duration::from_secs(25);

/// An open port, not served yet.
#[derive(Debug)]
pub struct Door {
    listener: TcpListener,
    address: SocketAddr,
    settings: Settings,
}

/// Takes the port.
///
/// # Errors
/// When it is taken by another program, or may not be had.
pub fn bind(settings: &Settings, command: &str) -> Result<Door, Failure> {
    let wanted = settings.listen;
    let refused = |error: &std::io::Error| {
        let other = SocketAddr::new(wanted.ip(), wanted.port().checked_add(1).unwrap_or(7700));
        match error.kind() {
            ErrorKind::AddrInUse => Failure::new(
                "port-taken",
                format!("another program listens on {wanted}"),
                format!("stop it, or choose another port: {command} --listen {other}"),
            ),
            _ => Failure::new(
                "listen",
                format!("cannot listen on {wanted}: {error}"),
                "choose another address with --listen",
            ),
        }
        .with_item(wanted.to_string())
    };
    let listener = TcpListener::bind(wanted).map_err(|error| refused(&error))?;
    listener.set_nonblocking(true).map_err(|error| refused(&error))?;
    let address = listener.local_addr().map_err(|error| refused(&error))?;
    Ok(Door { listener, address, settings: settings.clone() })
}

impl Door {
    /// Serves until SIGINT or SIGTERM. `open` opens the engine, while `/healthz` answers already.
    ///
    /// # Errors
    /// When the engine cannot be opened.
    pub fn serve(
        self,
        json: bool,
        open: impl FnOnce() -> Result<Arc<Engine>, EngineError> + Send + 'static,
    ) -> Result<(), Failure> {
        let broken = |error: std::io::Error| Failure::new("server", format!("the server cannot run: {error}"), "");
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(broken)?;
        let metrics = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Full("vetrina_request_seconds".to_owned()), &SECONDS)
            .and_then(PrometheusBuilder::install_recorder)
            .map_err(|error| Failure::new("server", format!("figures cannot be kept: {error}"), ""))?;
        let app = Arc::new(App::new(self.settings.clone(), metrics));
        let result = runtime.block_on(self.run(json, Arc::clone(&app), open));
        // An import that runs stops after the items at hand and can be resumed; the index goes to disk.
        if let Ok(engine) = app.engine() {
            engine.close();
        }
        runtime.shutdown_timeout(Duration::from_secs(1));
        result
    }

    async fn run(
        self,
        json: bool,
        app: Arc<App>,
        open: impl FnOnce() -> Result<Arc<Engine>, EngineError> + Send + 'static,
    ) -> Result<(), Failure> {
        let broken = |error: std::io::Error| Failure::new("server", format!("the server cannot run: {error}"), "");
        let listener = tokio::net::TcpListener::from_std(self.listener).map_err(broken)?;
        let (stop, stopped) = watch::channel(false);
        let upkeep = app.metrics.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_secs(5)).await;
                upkeep.run_upkeep();
            }
        });
        let (failed, failure) = oneshot::channel::<Failure>();
        let (opening, address) = (Arc::clone(&app), self.address);
        tokio::task::spawn_blocking(move || match start(&opening, open, address, json) {
            Ok(()) => drop(failed),
            Err(failure) => drop(failed.send(failure)),
        });
        let until = async move {
            let mut stopped = stopped;
            let _ = stopped.wait_for(|stop| *stop).await;
        };
        let server = axum::serve(listener, router(app)).with_graceful_shutdown(until);
        let server = tokio::spawn(server.into_future());
        let outcome = tokio::select! {
            () = asked_to_stop() => Ok(()),
            failure = wait_for_failure(failure) => Err(failure),
        };
        if outcome.is_ok() {
            tracing::info!("stopping: requests under way end first");
        }
        let _ = stop.send(true);
        tokio::select! {
            _ = tokio::time::timeout(GRACE, server) => {}
            () = asked_to_stop() => {}
        }
        outcome
    }
}

/// Opens the engine, tells the address, loads the model.
fn start(
    app: &App,
    open: impl FnOnce() -> Result<Arc<Engine>, EngineError>,
    address: SocketAddr,
    json: bool,
) -> Result<(), Failure> {
    let engine = open()?;
    // Feeds that were on their way in when the last process ended.
    let _ = std::fs::remove_dir_all(engine.options().data.join(INCOMING));
    // A new shop has a window, and it is empty.
    if engine.is_empty() {
        engine.create_catalogue(&CatalogueName::default())?;
    }
    app.opened(Arc::clone(&engine));
    let url = format!("http://{address}");
    if json {
        print_json(&json!({"listening": url}))?;
    } else {
        print(&format!("Vetrina is at {url}"))?;
    }
    let warmed = engine.warm_up();
    if let Err(error) = &warmed {
        say(&format!("Photos cannot be searched: {error}"));
        say(&format!("  hint: {}", error.hint()));
    }
    app.warmed(warmed);
    Ok(())
}

/// The failure of the start; never, when it went well.
async fn wait_for_failure(failure: oneshot::Receiver<Failure>) -> Failure {
    match failure.await {
        Ok(failure) => failure,
        Err(_) => std::future::pending().await,
    }
}

/// Waits for SIGINT or SIGTERM.
async fn asked_to_stop() {
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
