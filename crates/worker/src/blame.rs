//! Whose fault it is when something does not work, which decides what is done about it.

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The tree or the command: a verdict. Trying again gives the same.
    Work,
    /// The machine, the network, a full disk: no verdict. Trying again may help.
    Environment,
    /// What was asked for cannot be, or must not be: whoever asked mends it.
    Refused,
}
