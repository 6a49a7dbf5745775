//! Plots of the figures.

use std::fmt::Display;
use std::fs;
use std::io;

use plotters::prelude::*;

use super::Bench;
use super::cost::Cost;
use super::rounds::Turns;
use super::spread;

const SIZE: (u32, u32) = (800, 420);
const FONT: &str = "sans-serif";
const KERNEL: RGBColor = RGBColor(0x9a, 0xb8, 0xd4);
const USER: RGBColor = RGBColor(0xd9, 0x6c, 0x3f);

/// Plots the median of each server, in the kernel and outside of it.
pub(super) fn costs(
    bench: &Bench,
    file: &str,
    title: &str,
    turns: &[Turns<Cost>],
) -> io::Result<()> {
    let bars: Vec<_> = turns
        .iter()
        .filter_map(|turns| {
            let cpu = spread::median(turns.values(|cost| cost.cpu))?;
            let user = spread::median(turns.values(|cost| cost.user)).unwrap_or(0.0);
            Some((turns.contender.name, cpu, user))
        })
        .collect();
    draw(bench, file, |area| {
        let most = bars
            .iter()
            .fold(0.0, |most: f64, (_, cpu, _)| most.max(*cpu));
        let mut chart = ChartBuilder::on(area)
            .caption(format!("{title}: processor time per frame"), (FONT, 20))
            .margin(12)
            .x_label_area_size(36)
            .y_label_area_size(48)
            .build_cartesian_2d((0..bars.len()).into_segmented(), 0.0..most * 1.15)
            .map_err(other)?;
        let name = |at: &SegmentValue<usize>| match at {
            SegmentValue::CenterOf(index) => bars.get(*index).map_or("", |bar| bar.0).to_owned(),
            _ => String::new(),
        };
        chart
            .configure_mesh()
            .disable_x_mesh()
            .x_labels(bars.len() + 1)
            .x_label_formatter(&name)
            .y_desc("µs")
            .draw()
            .map_err(other)?;
        for (color, label, part) in [
            (KERNEL, "in the kernel", (|bar| (bar.2, bar.1)) as Part),
            (USER, "outside the kernel", |bar| (0.0, bar.2)),
        ] {
            let rectangle = |(index, bar): (usize, &Bar)| {
                let (from, to) = part(bar);
                let corners = [
                    (SegmentValue::Exact(index), from),
                    (SegmentValue::Exact(index + 1), to),
                ];
                let mut rectangle = Rectangle::new(corners, color.filled());
                rectangle.set_margin(0, 0, 14, 14);
                rectangle
            };
            chart
                .draw_series(bars.iter().enumerate().map(rectangle))
                .map_err(other)?
                .label(label)
                .legend(move |(x, y)| {
                    Rectangle::new([(x, y - 5), (x + 10, y + 5)], color.filled())
                });
        }
        let numbers = bars.iter().enumerate().map(|(index, (_, cpu, _))| {
            let at = (SegmentValue::CenterOf(index), cpu + most * 0.05);
            Text::new(format!("{cpu:.2}"), at, (FONT, 14))
        });
        chart.draw_series(numbers).map_err(other)?;
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .border_style(BLACK)
            .background_style(WHITE)
            .draw()
            .map_err(other)
    })
}

/// The name of a server, the processor time of a frame, and its part outside the kernel.
type Bar = (&'static str, f64, f64);
type Part = fn(&Bar) -> (f64, f64);

/// Plots the median of each server over the number of its calls.
pub(super) fn growth(
    bench: &Bench,
    title: &str,
    connected: &[u32],
    turns: &[Turns<Vec<Cost>>],
) -> io::Result<()> {
    let line = |turns: &Turns<Vec<Cost>>| {
        let point = |(index, connected): (usize, &u32)| {
            let cpu = turns.values(|costs| costs[index].cpu);
            Some((*connected, spread::median(cpu)?))
        };
        let points = connected.iter().enumerate().filter_map(point);
        (turns.contender.name, points.collect::<Vec<_>>())
    };
    let lines: Vec<_> = turns.iter().map(line).collect();
    draw(bench, "growth", |area| {
        let points = lines.iter().flat_map(|(_, points)| points);
        let most = points.fold(0.0, |most: f64, (_, cpu)| most.max(*cpu));
        let last = connected.last().copied().unwrap_or(1);
        let mut chart = ChartBuilder::on(area)
            .caption(
                format!("{title}, the others are quiet: processor time per frame"),
                (FONT, 20),
            )
            .margin(12)
            .x_label_area_size(44)
            .y_label_area_size(48)
            .build_cartesian_2d(0..last, 0.0..most * 1.3)
            .map_err(other)?;
        chart
            .configure_mesh()
            .x_desc("connected calls")
            .y_desc("µs")
            .draw()
            .map_err(other)?;
        for (index, (name, points)) in lines.iter().enumerate() {
            let color = Palette99::pick(index).to_rgba();
            chart
                .draw_series(
                    LineSeries::new(points.iter().copied(), color.stroke_width(2)).point_size(3),
                )
                .map_err(other)?
                .label(*name)
                .legend(move |(x, y)| {
                    Rectangle::new([(x, y - 2), (x + 12, y + 2)], color.filled())
                });
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .border_style(BLACK)
            .background_style(WHITE)
            .draw()
            .map_err(other)
    })
}

/// Draws into a file of that name, if `--plots` is given.
fn draw<'b>(
    bench: &'b Bench,
    file: &str,
    draw: impl FnOnce(&DrawingArea<SVGBackend<'_>, plotters::coord::Shift>) -> io::Result<()> + 'b,
) -> io::Result<()> {
    let Some(directory) = &bench.plots else {
        return Ok(());
    };
    fs::create_dir_all(directory)?;
    let path = directory.join(format!("{file}.svg"));
    let area = SVGBackend::new(&path, SIZE).into_drawing_area();
    area.fill(&WHITE).map_err(other)?;
    draw(&area)?;
    area.present().map_err(other)
}

/// The errors of plots borrow from the plot.
fn other(error: impl Display) -> io::Error {
    io::Error::other(error.to_string())
}
