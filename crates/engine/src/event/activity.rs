//! Events of activities.
