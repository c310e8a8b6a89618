//! The server under load, as a process of its own, and what the operating system and its own counters say of it.

use std::{ops::Add, path::Path, process::Stdio, time::Duration};

use anyhow::{Context, bail};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::{Child, Command},
};
use weft_env::{Clock, RealClock};

/// Clock ticks per second of `/proc/PID/stat`, which Linux fixes for user space.
const TICKS_PER_SECOND: f64 = 100.0;

/// A server that used less than this share of a core in the last second is idle.
const IDLE_SHARE: f64 = 0.05;
/// After so long it is measured as it is.
const SETTLE_MAX: Duration = Duration::from_secs(120);

pub(crate) struct Server {
    child: Child,
    /// Of the public API.
    pub(crate) address: String,
    metrics: String,
    ready: Duration,
}

/// Counters at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) cpu_seconds: f64,
    pub(crate) syncs: f64,
    pub(crate) log_bytes: f64,
    pub(crate) entries: f64,
    pub(crate) store_bytes: f64,
}

impl Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            cpu_seconds: self.cpu_seconds + other.cpu_seconds,
            syncs: self.syncs + other.syncs,
            log_bytes: self.log_bytes + other.log_bytes,
            entries: self.entries + other.entries,
            store_bytes: self.store_bytes + other.store_bytes,
        }
    }
}

impl Server {
    pub(crate) async fn start(binary: &Path, data: &Path, in_memory: bool) -> anyhow::Result<Self> {
        Self::start_with(binary, data, in_memory, &[]).await
    }

    pub(crate) async fn start_with(
        binary: &Path,
        data: &Path,
        in_memory: bool,
        flags: &[String],
    ) -> anyhow::Result<Self> {
        let clock = RealClock::new();
        let ready_file = tempfile::NamedTempFile::new()?.into_temp_path();
        std::fs::remove_file(&ready_file)?;
        let mut command = Command::new(binary);
        command.args(["--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0", "--log-level", "warn"]);
        command.arg("--ready-file").arg(&ready_file).args(flags);
        if in_memory {
            command.arg("--in-memory");
        } else {
            command.arg("--data-dir").arg(data);
        }
        let before = clock.monotonic();
        let mut child = command.stdout(Stdio::null()).kill_on_drop(true).spawn().with_context(|| {
            format!("cannot run {}: build it with `cargo build --release -p weft-server`", binary.display())
        })?;
        let ready = loop {
            if let Ok(text) = std::fs::read_to_string(&ready_file) {
                break text;
            }
            if let Some(status) = child.try_wait()? {
                bail!("the server ended before it was ready: {status}");
            }
            clock.sleep_until(clock.monotonic() + Duration::from_millis(1)).await;
        };
        let ready_after = clock.monotonic() - before;
        let ready: serde_json::Value = serde_json::from_str(&ready)?;
        let text = |key: &str| ready[key].as_str().map(str::to_owned).with_context(|| format!("no {key} in {ready}"));
        Ok(Self { child, address: text("address")?, metrics: text("metrics")?, ready: ready_after })
    }

    pub(crate) fn ready_ms(&self) -> f64 {
        self.ready.as_secs_f64() * 1000.0
    }

    pub(crate) fn resident_mib(&self) -> anyhow::Result<u64> {
        let status = self.proc("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kib / 1024)
    }

    pub(crate) async fn counts(&self) -> anyhow::Result<Counts> {
        let stat = self.proc("stat")?;
        // The name in parentheses may hold spaces; what follows it does not. utime and stime are fields 14 and 15.
        let (_, fields) = stat.rsplit_once(") ").context("no fields in stat")?;
        let ticks: f64 = fields.split(' ').skip(11).take(2).map(|field| field.parse::<f64>().unwrap_or(0.0)).sum();
        let metrics = self.metrics().await?;
        let value = |name: &str| {
            let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.and_then(|value| value.parse().ok()).unwrap_or(0.0)
        };
        Ok(Counts {
            cpu_seconds: ticks / TICKS_PER_SECOND,
            syncs: value("weft_log_syncs_total"),
            log_bytes: value("weft_log_bytes_total"),
            entries: value("weft_log_entries_total"),
            store_bytes: value("weft_store_bytes_total"),
        })
    }

    async fn metrics(&self) -> anyhow::Result<String> {
        self.get("/metrics").await
    }

    /// What the node says of itself.
    pub(crate) async fn operations(&self, path: &str) -> anyhow::Result<serde_json::Value> {
        let answer = self.get(path).await?;
        let (_, body) = answer.split_once("\r\n\r\n").context("an answer has a body")?;
        serde_json::from_str(body).with_context(|| format!("{path} is not JSON: {body}"))
    }

    async fn get(&self, path: &str) -> anyhow::Result<String> {
        let mut stream = TcpStream::connect(&self.metrics).await?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        Ok(text)
    }

    pub(crate) fn pid(&self) -> anyhow::Result<u32> {
        self.child.id().context("the server has ended")
    }

    fn proc(&self, file: &str) -> anyhow::Result<String> {
        Ok(std::fs::read_to_string(format!("/proc/{}/{file}", self.pid()?))?)
    }

    /// Waits until the server has nothing left to do, and says how long that took.
    pub(crate) async fn settle(&self) -> anyhow::Result<Duration> {
        let clock = RealClock::new();
        let mut before = self.counts().await?.cpu_seconds;
        while clock.monotonic() < SETTLE_MAX {
            clock.sleep_until(clock.monotonic() + Duration::from_secs(1)).await;
            let now = self.counts().await?.cpu_seconds;
            if now - before < IDLE_SHARE {
                break;
            }
            before = now;
        }
        Ok(clock.monotonic())
    }

    /// SIGTERM: the server closes its directory in order.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        let pid = self.child.id().context("the server has ended")?;
        let sent = Command::new("kill").arg(pid.to_string()).status().await.context("cannot run kill")?;
        let ended = self.child.wait().await?;
        if !sent.success() || !ended.success() {
            bail!("the server did not stop in order: {ended}");
        }
        Ok(())
    }

    /// SIGKILL: whatever it was doing stays half done.
    pub(crate) async fn kill(mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }
}
