//! Who gets in by the public port: TLS, clients' certificates and API keys, on real sockets; what changes while the
//! server runs; and what is said to whoever stays outside, or in the log.

mod authority;
mod keys;
mod log;
mod nodes;
mod operations;
mod tls;
mod world;
