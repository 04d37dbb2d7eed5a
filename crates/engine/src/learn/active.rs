//! Active learning: which of many questions to ask.

use crate::linear::dot;

/// Chooses up to `count` questions: the most uncertain first, each that is like one already chosen counting for less. The
/// weight of a question is its uncertainty times one minus its highest cosine with a chosen one, so that a copy of a chosen
/// question is never asked. `vectors` are of unit length, one a question. Cost: questions × chosen.
#[must_use]
pub fn least_sure(uncertainty: &[f32], vectors: &[&[f32]], count: usize) -> Vec<usize> {
    let questions = uncertainty.len().min(vectors.len());
    let mut novelty = vec![1.0_f32; questions];
    let mut taken = vec![false; questions];
    let mut chosen = Vec::with_capacity(count.min(questions));
    while chosen.len() < count.min(questions) {
        let weight = |&place: &usize| uncertainty[place] * novelty[place];
        let next = (0..questions).filter(|&place| !taken[place]).max_by(|a, b| {
            // Of equals the first.
            weight(a).total_cmp(&weight(b)).then(b.cmp(a))
        });
        let Some(next) = next else { break };
        taken[next] = true;
        chosen.push(next);
        for (place, novelty) in novelty.iter_mut().enumerate() {
            if vectors[place].len() == vectors[next].len() {
                let cosine: f32 = dot(vectors[place], vectors[next]);
                *novelty = novelty.min((1.0 - cosine).clamp(0.0, 1.0));
            }
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_sure_first_and_no_two_alike() {
        let vectors: [&[f32]; 4] = [&[1.0, 0.0], &[1.0, 0.0], &[0.0, 1.0], &[0.6, 0.8]];
        assert_eq!(least_sure(&[0.9, 0.89, 0.2, 0.1], &vectors, 1), [0]);
        assert_eq!(least_sure(&[0.9, 0.89, 0.2, 0.1], &vectors, 2), [0, 2], "the copy of the first teaches nothing");
        assert_eq!(least_sure(&[0.9, 0.89, 0.2, 0.1], &vectors, 9).len(), 4);
        assert!(least_sure(&[], &[], 3).is_empty());
    }
}
