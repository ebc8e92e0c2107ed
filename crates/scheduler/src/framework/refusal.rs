//! Why a node is not taken.

use std::borrow::Cow;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Fewer pods on the node might help.
    Unschedulable,
    /// They would not.
    UnschedulableAndUnresolvable,
}

type Reason = Cow<'static, str>;

/// Thousands may be made in a cycle, nearly all with a single reason: that takes no memory of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub code: Code,
    first: Reason,
    more: Vec<Reason>,
}

impl Refusal {
    pub fn unschedulable(reason: impl Into<Reason>) -> Self {
        Self { code: Code::Unschedulable, first: reason.into(), more: Vec::new() }
    }
    pub fn unresolvable(reason: impl Into<Reason>) -> Self {
        Self { code: Code::UnschedulableAndUnresolvable, first: reason.into(), more: Vec::new() }
    }
    /// For several reasons.
    pub fn all(code: Code, mut reasons: impl Iterator<Item = Reason>) -> Self {
        Self { code, first: reasons.next().unwrap_or_default(), more: reasons.collect() }
    }

    pub fn reasons(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.first).chain(&self.more).map(|reason| &**reason)
    }
    pub fn message(&self) -> String {
        self.reasons().collect::<Vec<_>>().join(", ")
    }
}
