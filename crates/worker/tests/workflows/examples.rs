//! Each example of the document that the worker's workflows come from, on a real repository: real git, confined commands,
//! real tests, the local forge. What a result says is compared with what the document says. Where an example needs a
//! developer (a new feature, a larger pool) the agent is a command with a script; all else is the builtin provider's.
//! `docs/software-engineering-tests.md` says which test plays which example.

mod deliver;
mod gate;
mod incident;
mod migrate;
mod project;
