//! Active learning: which of many questions to ask.

use crate::linear::dot;

/// Likeness is this power of the cosine: only what is close stands for a question.
const CLOSE: i32 = 8;

/// Chooses up to `count` questions that stand for what the system is unsure of: each time the one that brings most, where a
/// question `q` brings the sum over all questions `p` of `uncertainty[p] * max(0, likeness(p, q) - best(p))`; `likeness` is
/// `max(0, cosine)^8` and `best(p)` the highest likeness of `p` to what is chosen or `answered` already. This is greedy
/// facility location (Nemhauser et al. 1978), weighted by doubt (Wei, Iyer and Bilmes 2015). Typical questions come first, those of
/// sparse corners later, copies last of all.
///
/// `vectors` are of unit length, one a question, `answered` too. Of questions that bring the same the first is taken. Cost:
/// questions × (questions + answered) scalar products, four bytes of memory for each pair of questions.
#[must_use]
pub fn most_telling(uncertainty: &[f32], vectors: &[&[f32]], answered: &[&[f32]], count: usize) -> Vec<usize> {
    let questions = uncertainty.len().min(vectors.len());
    let vectors = &vectors[..questions];
    let likeness: Vec<Vec<f32>> = vectors.iter().map(|q| vectors.iter().map(|p| alike(p, q)).collect()).collect();
    let nearest = |p: &&[f32]| answered.iter().map(|answered| alike(p, answered)).fold(0.0, f32::max);
    let mut best: Vec<f32> = vectors.iter().map(nearest).collect();
    let mut left: Vec<usize> = (0..questions).collect();
    let mut chosen = Vec::with_capacity(count.min(questions));
    while chosen.len() < count {
        let brings = |q: usize| -> f32 {
            let each = likeness[q].iter().zip(&best).zip(uncertainty);
            each.map(|((likeness, best), doubt)| doubt * (likeness - best).max(0.0)).sum()
        };
        let all = left.iter().enumerate().map(|(place, &q)| (place, brings(q)));
        let Some((place, _)) = all.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0))) else { break };
        let next = left.remove(place);
        best.iter_mut().zip(&likeness[next]).for_each(|(best, likeness)| *best = best.max(*likeness));
        chosen.push(next);
    }
    chosen
}

/// 0 for vectors of different spaces.
fn alike(a: &[f32], b: &[f32]) -> f32 {
    if a.len() == b.len() { dot(a, b).max(0.0).powi(CLOSE) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ACROSS: &[f32] = &[1.0, 0.0];
    const UP: &[f32] = &[0.0, 1.0];

    #[test]
    fn what_stands_for_many_comes_first_and_copies_last() {
        let vectors = [UP, ACROSS, ACROSS, &[0.8, 0.6]];
        assert_eq!(most_telling(&[0.9; 4], &vectors, &[], 9), [1, 0, 3, 2]);
        assert_eq!(most_telling(&[0.9, 0.1, 0.1, 0.1], &vectors, &[], 1), [0], "doubt weighs more than company");
        assert!(most_telling(&[], &[], &[], 3).is_empty());
    }

    #[test]
    fn what_is_like_an_answered_question_waits() {
        let vectors = [ACROSS, ACROSS, UP];
        assert_eq!(most_telling(&[0.5; 3], &vectors, &[], 1), [0]);
        assert_eq!(most_telling(&[0.5; 3], &vectors, &[ACROSS], 2), [2, 0]);
        assert_eq!(most_telling(&[0.5; 3], &vectors, &[&[1.0]], 1), [0], "an answer of another space says nothing");
    }

    proptest! {
        #[test]
        fn each_question_is_chosen_once(angles in prop::collection::vec(0.0_f32..6.3, 0..20), count in 0_usize..25) {
            let vectors: Vec<[f32; 2]> = angles.iter().map(|angle| [angle.cos(), angle.sin()]).collect();
            let vectors: Vec<&[f32]> = vectors.iter().map(<[f32; 2]>::as_slice).collect();
            let doubt: Vec<f32> = angles.iter().map(|angle| angle / 7.0).collect();
            let mut chosen = most_telling(&doubt, &vectors, &[], count);
            prop_assert_eq!(chosen.len(), count.min(angles.len()));
            // No question brings more than the one that was taken first.
            if let Some(&first) = chosen.first() {
                let gain = |q: usize| -> f32 { (0..doubt.len()).map(|p| doubt[p] * alike(vectors[p], vectors[q])).sum() };
                prop_assert!((0..doubt.len()).all(|q| gain(q) <= gain(first) * 1.0001 + 1e-6));
            }
            chosen.sort_unstable();
            chosen.dedup();
            prop_assert_eq!(chosen.len(), count.min(angles.len()));
        }
    }
}
