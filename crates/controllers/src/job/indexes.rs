//! Sets of completion indexes in the form job status has them: `0-3,5,7-9`.
//! Follows kubernetes `pkg/controller/job/indexed_job_utils.go`.

use std::fmt;

/// Disjoint closed intervals in order, none touching the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Indexes(Vec<(i64, i64)>);

impl Indexes {
    /// Reads a status field. Parts that are no numbers are skipped, and nothing from `completions` on counts.
    pub fn parse(text: &str, completions: i64) -> Self {
        let interval = |part: &str| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last): (i64, i64) = (first.parse().ok()?, last.parse().ok()?);
            (first < completions).then_some((first, last.min(completions - 1)))
        };
        Self::merged(text.split(',').filter_map(interval).collect())
    }

    pub fn of(indexes: impl IntoIterator<Item = i64>) -> Self {
        Self::merged(indexes.into_iter().map(|index| (index, index)).collect())
    }

    fn merged(mut intervals: Vec<(i64, i64)>) -> Self {
        intervals.sort_unstable();
        let mut out: Vec<(i64, i64)> = Vec::new();
        for (first, last) in intervals {
            match out.last_mut() {
                Some(previous) if first <= previous.1 + 1 => previous.1 = previous.1.max(last),
                _ => out.push((first, last)),
            }
        }
        Self(out)
    }

    pub fn union(&self, other: &Self) -> Self {
        Self::merged(self.0.iter().chain(&other.0).copied().collect())
    }

    pub fn total(&self) -> i64 {
        self.0.iter().map(|(first, last)| last - first + 1).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn contains(&self, index: i64) -> bool {
        let at = self.0.partition_point(|(_, last)| *last < index);
        self.0.get(at).is_some_and(|(first, _)| *first <= index)
    }

    /// How many indexes are in both.
    pub fn overlap(&self, other: &Self) -> i64 {
        let (mut a, mut b, mut count) = (self.0.iter().peekable(), other.0.iter().peekable(), 0);
        while let (Some(x), Some(y)) = (a.peek(), b.peek()) {
            count += (x.1.min(y.1) - x.0.max(y.0) + 1).max(0);
            if x.1 < y.1 {
                a.next()
            } else {
                b.next()
            };
        }
        count
    }

    /// The `count` smallest indexes below `completions` that are not in the set.
    pub fn first_missing(&self, count: usize, completions: i64) -> Vec<i64> {
        let mut found = Vec::new();
        let mut candidate = 0;
        for (first, last) in self.0.iter().copied().chain([(completions, completions)]) {
            found.extend((candidate..first.min(completions)).take(count - found.len()));
            candidate = candidate.max(last + 1);
        }
        found
    }
}

impl fmt::Display for Indexes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (first, last)) in self.0.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            match last - first {
                0 => write!(f, "{comma}{first}")?,
                1 => write!(f, "{comma}{first},{last}")?,
                _ => write!(f, "{comma}{first}-{last}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_are_read_and_printed_as_status_has_them() {
        for (text, completions, printed, total) in [
            ("", 5, "", 0),
            ("0", 5, "0", 1),
            ("0,1", 5, "0,1", 2),
            ("0-2,4", 5, "0-2,4", 4),
            ("0-2,3-4", 5, "0-4", 5),
            ("0-9", 5, "0-4", 5),
            ("3,x,7-9", 8, "3,7", 2),
            ("6", 5, "", 0),
        ] {
            let indexes = Indexes::parse(text, completions);
            assert_eq!((indexes.to_string().as_str(), indexes.total()), (printed, total), "{text:?}");
        }
    }

    #[test]
    fn indexes_are_sets() {
        for (left, right, union, overlap) in [
            ("", "", "", 0),
            ("0-3", "2-5", "0-5", 2),
            ("0,2,4", "1,3", "0-4", 0),
            ("0-9", "1,3,5-6", "0-9", 4),
            ("1,7-9", "0-1,8", "0,1,7-9", 2),
        ] {
            let (a, b) = (Indexes::parse(left, 100), Indexes::parse(right, 100));
            assert_eq!((a.union(&b).to_string().as_str(), a.overlap(&b)), (union, overlap), "{left} and {right}");
            assert_eq!(b.overlap(&a), overlap);
        }
        let indexes = Indexes::of([7, 3, 4]);
        let members: Vec<i64> = (0..10).filter(|i| indexes.contains(*i)).collect();
        assert_eq!(members, [3, 4, 7]);
    }

    #[test]
    fn what_is_missing_comes_in_order() {
        for (have, count, completions, missing) in [
            ("", 2, 5, vec![0, 1]),
            ("0-1,3", 9, 5, vec![2, 4]),
            ("1", 1, 5, vec![0]),
            ("0-4", 3, 5, vec![]),
            ("2", 9, 3, vec![0, 1]),
            ("", 3, 0, vec![]),
        ] {
            assert_eq!(Indexes::parse(have, 100).first_missing(count, completions), missing, "{have}");
        }
    }
}
