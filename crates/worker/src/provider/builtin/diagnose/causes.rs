//! The causes that are known, and what points to each.

/// A kind of cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    ConnectionPoolTooSmall,
    ConnectionLeak,
    MemoryLeak,
    MemoryLimitTooSmall,
    CpuSaturation,
    DiskFull,
    QueueBacklog,
    SlowDatabaseQuery,
    LockContention,
    DependencyFailure,
    CacheInvalidation,
    ModelPerformance,
    RateLimit,
    CertificateExpired,
    NameResolution,
    BadDeployment,
    BadConfiguration,
}

/// Name, title, fix, and words: any group of which all stand in a line points to the cause.
type Entry = (&'static str, &'static str, &'static str, &'static [&'static [&'static str]]);

impl Cause {
    pub const ALL: [Self; 17] = [
        Self::ConnectionPoolTooSmall,
        Self::ConnectionLeak,
        Self::MemoryLeak,
        Self::MemoryLimitTooSmall,
        Self::CpuSaturation,
        Self::DiskFull,
        Self::QueueBacklog,
        Self::SlowDatabaseQuery,
        Self::LockContention,
        Self::DependencyFailure,
        Self::CacheInvalidation,
        Self::ModelPerformance,
        Self::RateLimit,
        Self::CertificateExpired,
        Self::NameResolution,
        Self::BadDeployment,
        Self::BadConfiguration,
    ];

    /// Equal where agents mean the same: `connection_pool_too_small`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.entry().0
    }

    /// As people read it.
    #[must_use]
    pub fn title(self) -> &'static str {
        self.entry().1
    }

    /// What could be done.
    #[must_use]
    pub fn fix(self) -> &'static str {
        self.entry().2
    }

    /// Groups of words, in lower case.
    pub(super) fn words(self) -> &'static [&'static [&'static str]] {
        self.entry().3
    }

    #[expect(clippy::too_many_lines, reason = "a table with one entry for each cause")]
    fn entry(self) -> Entry {
        match self {
            Self::ConnectionPoolTooSmall => (
                "connection_pool_too_small",
                "Connection pool too small for traffic",
                "Double the limit of the connection pool, and alert on its use",
                &[
                    &["pool", "exhausted"],
                    &["pool", "timeout"],
                    &["pool", "limit"],
                    &["too many connections"],
                    &["connection", "refused"],
                    &["could not", "connection"],
                ],
            ),
            Self::ConnectionLeak => (
                "connection_leak",
                "Database connection leak in service",
                "Close connections on every path, and restart the service until that is released",
                &[&["connection", "leak"], &["connection", "not closed"], &["idle in transaction"]],
            ),
            Self::MemoryLeak => (
                "memory_leak",
                "Memory leak in service",
                "Find what is kept by comparing heap profiles, and restart the service until that is released",
                &[&["memory", "leak"], &["heap", "grow"]],
            ),
            Self::MemoryLimitTooSmall => (
                "memory_limit_too_small",
                "Memory limit too small for the load",
                "Raise the memory limit, or bound what is held at once",
                &[&["out of memory"], &["oom"], &["cannot allocate"], &["memoryerror"]],
            ),
            Self::CpuSaturation => (
                "cpu_saturation",
                "Processor saturated",
                "Add instances, and profile what the time is spent on",
                &[&["cpu", "throttl"], &["cpu", "saturat"], &["high cpu"]],
            ),
            Self::DiskFull => (
                "disk_full",
                "Disk full",
                "Free space, rotate logs, and alert on what is left",
                &[&["no space left"], &["disk", "full"], &["enospc"]],
            ),
            Self::QueueBacklog => (
                "queue_backlog",
                "Queue grows faster than it is worked off",
                "Add consumers, or slow the producers down",
                &[&["queue", "full"], &["backlog"], &["consumer", "lag"]],
            ),
            Self::SlowDatabaseQuery => (
                "slow_database_query",
                "Database query slow",
                "Explain the slow query, and add the index that it lacks",
                &[
                    &["slow query"],
                    &["query", "took"],
                    &["statement", "timeout"],
                    &["full table scan"],
                    &["sequential scan"],
                ],
            ),
            Self::LockContention => (
                "lock_contention",
                "Transactions wait for each other's locks",
                "Shorten the transactions, and take locks in one order",
                &[&["deadlock"], &["lock", "wait"], &["lock", "timeout"]],
            ),
            Self::DependencyFailure => (
                "dependency_failure",
                "A service that this one depends on fails",
                "Fail over or degrade while the dependency is down, and break the circuit to it",
                &[&["upstream"], &["bad gateway"], &["502"], &["503"], &["service unavailable"], &["circuit", "open"]],
            ),
            Self::CacheInvalidation => (
                "cache_invalidation",
                "Cache invalidation issue",
                "Invalidate less at once, and warm the cache before traffic reaches it",
                &[
                    &["cache", "miss"],
                    &["cache", "invalid"],
                    &["cache", "evict"],
                    &["cache", "stale"],
                    &["cache", "cold"],
                ],
            ),
            Self::ModelPerformance => (
                "model_performance",
                "ML model performance",
                "Go back to the model before, and compare both on recorded requests",
                &[&["inference"], &["model", "slow"], &["model", "load"], &["model", "latency"]],
            ),
            Self::RateLimit => (
                "rate_limit",
                "Calls exceed a rate limit",
                "Space the calls out, and ask for a higher limit",
                &[&["rate limit"], &["too many requests"], &["429"], &["quota"]],
            ),
            Self::CertificateExpired => (
                "certificate_expired",
                "Certificate expired",
                "Renew the certificate, and alert a month before it ends",
                &[&["certificate", "expired"], &["certificate", "verify failed"], &["x509"]],
            ),
            Self::NameResolution => (
                "name_resolution",
                "Names are not resolved",
                "Check the resolver and the record, and keep answers for longer",
                &[&["no such host"], &["name resolution"], &["dns"], &["getaddrinfo"]],
            ),
            Self::BadDeployment => (
                "bad_deployment",
                "The last deployment broke it",
                "Roll the last deployment back",
                &[
                    &["attributeerror"],
                    &["nullpointerexception"],
                    &["undefined", "function"],
                    &["panicked at"],
                    &["traceback"],
                    &["typeerror"],
                ],
            ),
            Self::BadConfiguration => (
                "bad_configuration",
                "Configuration is wrong or missing",
                "Compare the configuration with the last one that worked",
                &[
                    &["invalid", "config"],
                    &["missing", "config"],
                    &["missing", "environment"],
                    &["permission denied"],
                    &["unauthorized"],
                ],
            ),
        }
    }

    /// Whether a text points to this cause, and by which words.
    pub(super) fn named_in(self, text: &str) -> Option<String> {
        let text = text.to_lowercase();
        let group = self.words().iter().find(|group| group.iter().all(|word| text.contains(word)))?;
        Some(group.join(" … "))
    }
}
