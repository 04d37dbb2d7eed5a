//! The gate: whether a space may become the active one.

use serde::{Deserialize, Serialize};

use super::assess::TaskReport;
use crate::learn::Interval;

/// How far below zero an interval may reach where the mean is below zero too: 5 points.
const DOUBT: f64 = -0.05;

/// What the gate says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    /// May it be promoted without force?
    pub passes: bool,
    /// Why, a sentence for each task.
    pub reasons: Vec<String>,
}

/// What the gate says of one task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskVerdict {
    /// The whole interval is above 0.
    Better,
    /// Nothing speaks against it.
    NoWorse,
    /// It may well be worse, and the questions are too few to tell.
    Unsure,
    /// The whole interval is below 0.
    Worse,
}

impl TaskVerdict {
    /// By the difference in mean average precision, new − current, with its 95 % interval.
    pub(super) fn of(difference: Interval) -> Self {
        if difference.high < 0.0 {
            Self::Worse
        } else if difference.mean < 0.0 && difference.low < DOUBT {
            Self::Unsure
        } else if difference.low > 0.0 {
            Self::Better
        } else {
            Self::NoWorse
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::NoWorse => "no worse",
            Self::Unsure => "may well be worse; there are too few questions to tell",
            Self::Worse => "worse",
        }
    }
}

/// Judges by the differences in mean average precision, new − current. A task speaks against the new space when
/// - its whole 95 % interval is below 0: surely worse; or
/// - the mean is below 0 and the interval reaches below −0.05: it may well be worse, and the questions are too few to tell.
///
/// One task that speaks against it is enough. So is having no task at all: nothing was proved.
pub(super) fn judge(tasks: &[TaskReport]) -> Gate {
    if tasks.is_empty() {
        let reason =
            "it could not be compared: there are too few products with several pictures, or labels, to ask with";
        return Gate { passes: false, reasons: vec![reason.to_owned()] };
    }
    let mut passes = true;
    let reasons = tasks.iter().map(|task| {
        let difference = task.map_difference;
        let verdict = TaskVerdict::of(difference);
        passes &= !matches!(verdict, TaskVerdict::Unsure | TaskVerdict::Worse);
        let points = |share: f64| share * 100.0;
        format!(
            "{}: {}: mAP {:.1} against {:.1} now, difference {:+.1} [{:+.1}, {:+.1}], {} {} asked",
            task.task.words(),
            verdict.words(),
            points(task.new.map),
            points(task.current.map),
            points(difference.mean),
            points(difference.low),
            points(difference.high),
            task.queries,
            task.asked_with,
        )
    });
    let reasons = reasons.collect();
    Gate { passes, reasons }
}

#[cfg(test)]
mod tests {
    use super::super::assess::{Figures, Task};
    use super::*;
    use crate::learn::Interval;

    fn task(mean: f64, low: f64, high: f64) -> TaskReport {
        let figures = Figures { recall_at_1: 0.5, map: 0.5 };
        let interval = Interval { mean, low, high };
        TaskReport {
            task: Task::SameLabel,
            asked_with: "pictures".into(),
            queries: 100,
            current: figures,
            new: figures,
            map_difference: interval,
            recall_difference: interval,
            verdict: Some(TaskVerdict::of(interval)),
        }
    }

    #[test]
    fn what_is_worse_on_one_task_does_not_pass() {
        let passes = |tasks: &[TaskReport]| judge(tasks).passes;
        let better = task(0.2, 0.1, 0.3);
        assert!(passes(std::slice::from_ref(&better)));
        assert!(!passes(&[better.clone(), task(-0.02, -0.03, -0.01)]), "surely worse");
        assert!(!passes(&[better.clone(), task(-0.02, -0.08, 0.04)]), "perhaps much worse");
        assert!(passes(&[better, task(-0.01, -0.03, 0.01)]), "as good as the same");
        assert!(passes(&[task(0.01, -0.08, 0.1)]), "a wide interval about a gain");
        assert!(!passes(&[]), "nothing was compared");
    }

    #[test]
    fn verdicts_go_by_the_interval() {
        let of = |mean, low, high| TaskVerdict::of(Interval { mean, low, high });
        assert_eq!(of(0.2, 0.1, 0.3), TaskVerdict::Better);
        assert_eq!(of(-0.01, -0.03, 0.01), TaskVerdict::NoWorse);
        assert_eq!(of(-0.02, -0.08, 0.04), TaskVerdict::Unsure);
        assert_eq!(of(-0.02, -0.03, -0.01), TaskVerdict::Worse);
        assert_eq!(serde_json::to_value(TaskVerdict::NoWorse).unwrap(), "no_worse");
    }

    #[test]
    fn reasons_give_figures() {
        let gate = judge(&[task(-0.02, -0.03, -0.01)]);
        assert!(gate.reasons[0].starts_with("same label: worse: mAP 50.0 against 50.0 now"), "{gate:?}");
    }
}
