//! The scan: MCU by MCU (A.2), a row of them at a time, from bits to pixels.

use super::bits::{Reader, Source};
use super::header::{Component, Frame};
use super::mcu::{Coefficients, LANES, McuReader};
use super::plane::Plane;
use super::{Error, Scaled, colour};

/// Samples beyond the last of a line that may be read.
const MARGIN: usize = 16;

/// Sizes of the scan.
struct Layout {
    mcus_across: usize,
    /// Lines of pixels in a row of MCUs.
    lines: usize,
    /// From line to line of samples, the same for all components.
    stride: usize,
}

pub(super) fn decode(frame: &Frame, scan_data: &[u8], n: usize) -> Result<Scaled, Error> {
    let (h_max, v_max) = frame.components.iter().fold((1, 1), |(h, v), c| (h.max(c.h), v.max(c.v)));
    let mcus_across = frame.width.div_ceil(8 * h_max);
    let layout = Layout { mcus_across, lines: v_max * n, stride: mcus_across * h_max * n + MARGIN };
    let mut source = Source::new(scan_data);
    let blocks = frame.components.iter().map(|c| c.h * c.v).sum::<usize>();
    if !source.can_hold(mcus_across * frame.height.div_ceil(8 * v_max) * blocks) {
        return Err(Error::Truncated);
    }
    let block_size = |component: &Component| (h_max / component.h * n, v_max / component.v * n);
    let planes = frame.components.iter().map(|component| {
        if h_max % component.h != 0 || v_max % component.v != 0 {
            return Err(Error::Unsupported("sampling factors without a whole ratio"));
        }
        Plane::new(component, block_size(component), layout.stride, layout.lines)
    });
    let mut planes = planes.collect::<Result<Vec<_>, Error>>()?;
    let (width, height) = ((frame.width * n).div_ceil(8), (frame.height * n).div_ceil(8));
    let line_bytes = width * planes.len();
    let mut data = vec![0; line_bytes * height];

    let mut mcus = Mcus {
        mcu_reader: McuReader::new(&frame.components, block_size),
        reader: Reader::default(),
        coefficients: Coefficients::new(),
        interval: frame.restart_interval,
        until_restart: frame.restart_interval,
        restarts: 0,
    };
    for lines in data.chunks_mut(line_bytes * layout.lines) {
        mcus.read_row(&mut source, &mut planes, &layout)?;
        let pixels = lines.chunks_exact_mut(line_bytes).enumerate();
        match planes.as_slice() {
            [y, cb, cr] => pixels.for_each(|(line, rgb)| {
                let from = line * layout.stride;
                colour::to_rgb(&y.samples()[from..], &cb.samples()[from..], &cr.samples()[from..], rgb);
            }),
            [y, ..] => pixels.for_each(|(line, grey)| {
                let from = line * layout.stride;
                grey.copy_from_slice(&y.samples()[from..from + width]);
            }),
            [] => {}
        }
    }
    match source.finish_run(&mut mcus.reader)? {
        0xD9 => Ok(Scaled { width: width as u32, height: height as u32, grey: planes.len() == 1, data }),
        _ => Err(Error::damaged("something other than the end after the scan")),
    }
}

/// Where in the scan decoding is.
struct Mcus {
    mcu_reader: McuReader,
    reader: Reader,
    coefficients: Coefficients,
    /// MCUs between restart markers; 0 for none.
    interval: usize,
    until_restart: usize,
    /// How many restart markers there were, modulo 8.
    restarts: u8,
}

impl Mcus {
    /// Decodes a row of MCUs into the planes.
    fn read_row(&mut self, source: &mut Source<'_>, planes: &mut [Plane], layout: &Layout) -> Result<(), Error> {
        for first in (0..layout.mcus_across).step_by(LANES) {
            let count = LANES.min(layout.mcus_across - first);
            for lane in 0..count {
                self.read_mcu(source, planes, lane)?;
            }
            let mut place = 0;
            for plane in &mut *planes {
                place = plane.make_samples(&mut self.coefficients, place, first..first + count);
            }
        }
        Ok(())
    }

    /// Decodes an MCU into a lane of the coefficients.
    fn read_mcu(&mut self, source: &mut Source<'_>, planes: &mut [Plane], lane: usize) -> Result<(), Error> {
        if self.interval > 0 {
            if self.until_restart == 0 {
                self.restart(source, planes)?;
            }
            self.until_restart -= 1;
        }
        source.prepare_mcu(&mut self.reader)?;
        self.mcu_reader.read(&mut self.reader, source.held(), &mut self.coefficients, lane)?;
        let mut place = 0;
        for plane in planes {
            place = plane.add_differences(&mut self.coefficients, place, lane);
        }
        Ok(())
    }

    /// E.2.4, F.2.1.3.1.
    fn restart(&mut self, source: &mut Source<'_>, planes: &mut [Plane]) -> Result<(), Error> {
        let marker = source.finish_run(&mut self.reader)?;
        if marker != 0xD0 + self.restarts {
            return Err(Error::damaged("another marker where a restart was due"));
        }
        self.restarts = (self.restarts + 1) % 8;
        self.until_restart = self.interval;
        self.reader = source.next_run();
        for plane in planes {
            plane.restart();
        }
        Ok(())
    }
}
