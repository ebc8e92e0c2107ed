//! Whether a target is well, decided purely from the outcomes of its health checks.

use super::records::HealthCheck;
use std::fmt;

/// How one health check ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Passed,
    Failed(Failure),
}

/// Why a target is not well, in ELB's terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nothing came back in time.
    Timeout,
    /// The answer had a status that the target group's matcher does not name.
    ResponseCodeMismatch(u16),
    /// No connection, or an answer that is none.
    FailedHealthChecks,
}

impl Failure {
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Timeout => "Target.Timeout",
            Self::ResponseCodeMismatch(_) => "Target.ResponseCodeMismatch",
            Self::FailedHealthChecks => "Target.FailedHealthChecks",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("Request timed out"),
            Self::ResponseCodeMismatch(code) => write!(f, "Health checks failed with these codes: [{code}]"),
            Self::FailedHealthChecks => f.write_str("Health checks failed"),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Not known yet: ends with the first check that passes, or with as many failures as make a target unhealthy.
    Initial,
    /// Gets traffic: ends with `unhealthyThresholdCount` failures in a row.
    Healthy,
    /// Gets none while others do: ends with `healthyThresholdCount` passes in a row.
    Unhealthy(Failure),
}

/// A state, and how many checks in a row have spoken against it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    pub state: State,
    against: u32,
}

impl Health {
    /// `state` is what is known of the target from before, for instance by a service that has ended.
    pub fn new(state: State) -> Self {
        Self { state, against: 0 }
    }

    /// After one more check. A new target needs to pass only once.
    pub fn after(&self, outcome: Outcome, check: &HealthCheck) -> Self {
        let against = self.against.saturating_add(1);
        match (&self.state, outcome) {
            (State::Healthy, Outcome::Passed) | (State::Initial, Outcome::Passed) => Self::new(State::Healthy),
            (State::Unhealthy(_), Outcome::Passed) if against >= check.healthy_threshold => Self::new(State::Healthy),
            (State::Unhealthy(failure), Outcome::Passed) => Self { state: State::Unhealthy(failure.clone()), against },
            (State::Unhealthy(_), Outcome::Failed(failure)) => Self::new(State::Unhealthy(failure)),
            (_, Outcome::Failed(failure)) if against >= check.unhealthy_threshold => Self::new(State::Unhealthy(failure)),
            (state, Outcome::Failed(_)) => Self { state: state.clone(), against },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `i`nitial, `h`ealthy, `u`nhealthy.
    fn letter(state: &State) -> char {
        match state {
            State::Initial => 'i',
            State::Healthy => 'h',
            State::Unhealthy(_) => 'u',
        }
    }

    #[test]
    fn thresholds() {
        let check = HealthCheck { healthy_threshold: 3, unhealthy_threshold: 2, ..HealthCheck::default() };
        let failed = || Outcome::Failed(Failure::Timeout);
        // Passes are `+`, failures `-`; below each, the state after it.
        for (start, outcomes, states) in [
            (State::Initial, "+", "h"),
            (State::Initial, "-+", "ih"),
            (State::Initial, "--+", "iuu"),
            (State::Healthy, "-+-+-", "hhhhh"),
            (State::Healthy, "-+--", "hhhu"),
            (State::Healthy, "--+++", "huuuh"),
            (State::Healthy, "--++-+++", "huuuuuuh"),
            (State::Unhealthy(Failure::Timeout), "+++--", "uuhhu"),
        ] {
            let mut health = Health::new(start.clone());
            let seen = outcomes.chars().map(|sign| {
                health = health.after(if sign == '+' { Outcome::Passed } else { failed() }, &check);
                letter(&health.state)
            });
            assert_eq!(seen.collect::<String>(), states, "{start:?} {outcomes}");
        }
    }

    #[test]
    fn the_latest_failure_is_the_reason() {
        let check = HealthCheck { unhealthy_threshold: 2, ..HealthCheck::default() };
        let mut health = Health::new(State::Healthy);
        for failure in [Failure::Timeout, Failure::ResponseCodeMismatch(503)] {
            health = health.after(Outcome::Failed(failure), &check);
        }
        let State::Unhealthy(failure) = &health.state else { panic!("{health:?}") };
        assert_eq!(failure.reason(), "Target.ResponseCodeMismatch");
        assert_eq!(failure.to_string(), "Health checks failed with these codes: [503]");
        let health = health.after(Outcome::Failed(Failure::FailedHealthChecks), &check);
        assert_eq!(health.state, State::Unhealthy(Failure::FailedHealthChecks));
    }
}
