//! Random requests: what must hold of every request holds of them too.
