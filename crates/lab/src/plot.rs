//! The main figures as bars, with the floor and the target of each task.

use std::fmt::Write;

use crate::tasks::groceries::{GALLERY_IN_FIT, UNLABELLED};
use crate::tasks::{Figure, LAYERS};

/// A row of the plot: task, measure, the prototype's figure (QUALITY.md), the figure to beat (issue 4).
const ROWS: [(&str, &str, Option<f64>, f64); 6] = [
    ("G-studio", "mAP", Some(57.0), 65.0),
    ("G-adapted", "mAP", Some(71.0), 80.0),
    ("C-kind", "R@1", Some(85.0), 90.0),
    ("F-type", "accuracy", Some(88.5), 91.0),
    ("F-colour", "accuracy", Some(49.6), 62.0),
    ("F-robust", "mean R@1", None, 90.0),
];

const BARS: [(&str, &str); 7] = [
    ("raw", "#b8bcc4"),
    ("default head", "#6f86b5"),
    (UNLABELLED, "#7b4ea8"),
    ("learned head", "#2f5d9e"),
    (GALLERY_IN_FIT, "#17845f"),
    (LAYERS, "#b03a5b"),
    ("colour-fused head", "#c2671c"),
];

const LEFT: f64 = 150.0;
const WIDTH: f64 = 560.0;
const BAR: f64 = 13.0;

/// The plot; tasks without figures are left out. Dashed: the figure to beat. Dotted: the prototype's.
pub fn svg(figures: &[Figure]) -> String {
    let mut body = String::new();
    let mut y = 66.0;
    let at = |value: f64| LEFT + WIDTH * value / 100.0;
    for (task, measure, floor, target) in ROWS {
        let bars: Vec<(f64, &str)> = BARS
            .iter()
            .filter_map(|(column, colour)| {
                let same = |f: &&Figure| f.task == task && f.measure == measure && f.column == *column;
                Some((figures.iter().find(same)?.value, *colour))
            })
            .collect();
        if bars.is_empty() {
            continue;
        }
        let height = BAR * bars.len() as f64;
        // Writing into a string does not fail.
        let _ = writeln!(
            body,
            r#"<text x="{:.0}" y="{:.0}" text-anchor="end">{task}, {measure}</text>"#,
            LEFT - 8.0,
            y + height / 2.0 + 4.0
        );
        for (place, (value, colour)) in bars.iter().enumerate() {
            let top = y + BAR * place as f64;
            let _ = writeln!(
                body,
                r#"<rect x="{LEFT}" y="{top:.1}" width="{:.1}" height="{:.1}" fill="{colour}"/><text x="{:.1}" y="{:.1}" class="n">{value:.1}</text>"#,
                at(*value) - LEFT,
                BAR - 2.0,
                at(*value) + 4.0,
                top + BAR - 3.5
            );
        }
        for (value, dashes) in [(Some(target), "5 3"), (floor, "1 3")] {
            if let Some(value) = value {
                let x = at(value);
                let _ = writeln!(
                    body,
                    r##"<path d="M{x:.1} {:.1}V{:.1}" stroke="#222" stroke-dasharray="{dashes}"/>"##,
                    y - 3.0,
                    y + height + 1.0
                );
            }
        }
        y += height + 16.0;
    }
    let mut legend = String::new();
    let (mut x, mut line) = (12.0, 12.0);
    for (column, colour) in BARS {
        let wide = 36.0 + 6.4 * column.len() as f64;
        if x + wide > LEFT + WIDTH {
            (x, line) = (12.0, line + 20.0);
        }
        let _ = write!(
            legend,
            r#"<rect x="{x}" y="{line}" width="11" height="11" fill="{colour}"/><text x="{:.0}" y="{}">{column}</text>"#,
            x + 16.0,
            line + 10.0
        );
        x += wide;
    }
    let (width, height) = (LEFT + WIDTH + 50.0, y + 4.0);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height:.0}\" width=\"{width}\" font-family=\"sans-serif\" \
         font-size=\"12\"><title>Figures of docs/evaluation.md; dashed: the figure to beat, dotted: the prototype's</title>\
         <style>.n{{font-size:10px;fill:#444}}</style><rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n{legend}\n{body}</svg>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_for_each_figure_and_nothing_for_tasks_that_were_left_out() {
        let figure = |task, column, measure| Figure { task, column, measure, value: 50.0 };
        let plot = svg(&[figure("C-kind", "raw", "R@1"), figure("C-kind", "learned head", "R@1")]);
        assert_eq!(plot.matches(">50.0<").count(), 2);
        assert!(plot.contains("C-kind, R@1") && !plot.contains("F-robust"));
    }
}
