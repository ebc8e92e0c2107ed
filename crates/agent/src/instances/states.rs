//! The states of an instance, as EC2 names them.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstanceState {
    /// Waits for its network, or for the host to be able to run it. Ends by running, or by being terminated.
    Pending,
    /// Its node process is kept running. Ends when somebody asks for its termination.
    Running,
    /// Everything in it is being killed. Ends when nothing is left.
    ShuttingDown,
    /// Nothing of it is left. Final.
    Terminated,
}

impl InstanceState {
    pub const ALL: [Self; 4] = [Self::Pending, Self::Running, Self::ShuttingDown, Self::Terminated];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::ShuttingDown => "shutting-down",
            Self::Terminated => "terminated",
        }
    }

    /// What a record says. One that says nothing is new.
    pub fn parse(text: &str) -> Self {
        Self::ALL.into_iter().find(|state| state.as_str() == text).unwrap_or(Self::Pending)
    }

    /// Nobody comes back from a termination.
    pub fn may_become(self, next: Self) -> bool {
        match self {
            Self::Pending => true,
            Self::Running => next != Self::Pending,
            Self::ShuttingDown => matches!(next, Self::ShuttingDown | Self::Terminated),
            Self::Terminated => next == Self::Terminated,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_only_go_forward() {
        use InstanceState::{Pending, Running, ShuttingDown, Terminated};
        for (from, to, allowed) in [
            (Pending, Running, true),
            (Pending, Terminated, true),
            (Running, Pending, false),
            (Running, ShuttingDown, true),
            (ShuttingDown, Running, false),
            (ShuttingDown, Terminated, true),
            (Terminated, Running, false),
            (Terminated, ShuttingDown, false),
        ] {
            assert_eq!(from.may_become(to), allowed, "{from:?} {to:?}");
        }
        for state in InstanceState::ALL {
            assert_eq!(InstanceState::parse(state.as_str()), state);
        }
        assert_eq!(InstanceState::parse(""), Pending);
    }
}
