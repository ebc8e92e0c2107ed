//! One file per verb, none per kind.

mod create;
mod delete;
mod get;
mod list;
mod patch;
mod prepare;
mod update;
mod watch;
