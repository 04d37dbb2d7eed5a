//! Plots as SVG.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::coord::ranged1d::ValueFormatter;
use plotters::prelude::*;

/// One line of a plot.
pub struct Line {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

/// What a plot shows.
pub struct Plot {
    pub title: String,
    pub across: String,
    pub up: String,
    /// Whether the axis across is logarithmic.
    pub logarithmic: bool,
    pub lines: Vec<Line>,
}

/// Readable on white and on black, and by people who do not tell red from green (Okabe and Ito).
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
];

/// Draws lines with a mark at each point.
pub fn draw(plot: &Plot, path: &Path) -> Result<()> {
    let all = || plot.lines.iter().flat_map(|line| line.points.iter());
    let (mut left, mut right) = (f64::MAX, f64::MIN);
    let mut top = f64::MIN;
    for &(x, y) in all() {
        (left, right, top) = (left.min(x), right.max(x), top.max(y));
    }
    if left > right {
        return Err(anyhow!("{}: nothing to draw", plot.title));
    }
    let root = SVGBackend::new(path, (760, 420)).into_drawing_area();
    let failed = |error: DrawingAreaErrorKind<std::io::Error>| anyhow!("{}: {error}", path.display());
    root.fill(&WHITE).map_err(failed)?;
    let mut builder = ChartBuilder::on(&root);
    builder.caption(&plot.title, ("sans-serif", 18)).margin(14).x_label_area_size(44).y_label_area_size(64);
    // Room above the lines for the legend.
    let up = 0.0..top * 1.45;
    if plot.logarithmic {
        let chart = builder.build_cartesian_2d((left * 0.9..right * 1.1).log_scale(), up).map_err(failed)?;
        finish(chart, plot).map_err(failed)?;
    } else {
        let chart = builder.build_cartesian_2d(left.min(0.0)..right * 1.02, up).map_err(failed)?;
        finish(chart, plot).map_err(failed)?;
    }
    root.present().map_err(failed)
}

type Chart<'a, X> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<X, plotters::coord::types::RangedCoordf64>>;

fn finish<X>(mut chart: Chart<'_, X>, plot: &Plot) -> Result<(), DrawingAreaErrorKind<std::io::Error>>
where
    X: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    chart
        .configure_mesh()
        .x_desc(&plot.across)
        .y_desc(&plot.up)
        .x_label_formatter(&|value| short(*value))
        .y_label_formatter(&|value| short(*value))
        .light_line_style(WHITE)
        .label_style(("sans-serif", 13))
        .draw()?;
    for (place, line) in plot.lines.iter().enumerate() {
        let colour = COLOURS[place % COLOURS.len()];
        let series = LineSeries::new(line.points.iter().copied(), colour.stroke_width(2));
        chart
            .draw_series(series)?
            .label(&line.name)
            .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 18, y)], colour.stroke_width(3)));
        if line.points.len() <= 40 {
            chart.draw_series(line.points.iter().map(|&point| Circle::new(point, 3, colour.filled())))?;
        }
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.2))
        .label_font(("sans-serif", 13))
        .draw()
}

/// `250 k`, `1 M`.
fn short(value: f64) -> String {
    match value {
        value if value >= 1e6 => format!("{} M", trimmed(value / 1e6)),
        value if value >= 1e3 => format!("{} k", trimmed(value / 1e3)),
        value => trimmed(value),
    }
}

fn trimmed(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
