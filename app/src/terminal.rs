//! Where bars and live lines are drawn: on a terminal that may go away.
//!
//! indicatif takes a failed write of its `MultiProgress` for a bug and panics. A terminal that was
//! closed is none.

use std::io;

use console::Term;
use indicatif::{ProgressDrawTarget, TermLike};

/// Standard output, if it is a terminal that can move its cursor; else nothing is drawn.
pub fn stdout() -> ProgressDrawTarget {
    target(Term::buffered_stdout())
}

/// Standard error, if it is a terminal that can move its cursor; else nothing is drawn.
pub fn stderr() -> ProgressDrawTarget {
    target(Term::buffered_stderr())
}

fn target(terminal: Term) -> ProgressDrawTarget {
    // As indicatif's own targets: 20 times a second.
    const REDRAWS_PER_S: u8 = 20;
    if terminal.features().is_attended() {
        ProgressDrawTarget::term_like_with_hz(Box::new(Forgiving(terminal)), REDRAWS_PER_S)
    } else {
        ProgressDrawTarget::hidden()
    }
}

/// A terminal on which what cannot be drawn is not drawn.
#[derive(Debug)]
struct Forgiving<T>(T);

impl<T: TermLike> TermLike for Forgiving<T> {
    fn width(&self) -> u16 {
        self.0.width()
    }

    fn height(&self) -> u16 {
        self.0.height()
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_up(n).or(Ok(()))
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_down(n).or(Ok(()))
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_right(n).or(Ok(()))
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_left(n).or(Ok(()))
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.0.write_line(text).or(Ok(()))
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.write_str(text).or(Ok(()))
    }

    fn clear_line(&self) -> io::Result<()> {
        self.0.clear_line().or(Ok(()))
    }

    fn flush(&self) -> io::Result<()> {
        self.0.flush().or(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use indicatif::{MultiProgress, ProgressBar};

    use super::*;

    /// A terminal that was closed.
    #[derive(Debug)]
    struct Closed;

    impl TermLike for Closed {
        fn width(&self) -> u16 {
            80
        }

        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn write_line(&self, _: &str) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn write_str(&self, _: &str) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn clear_line(&self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }

    #[test]
    fn a_closed_terminal_is_no_panic() {
        let draw = |terminal: Box<dyn TermLike>| {
            crate::panics::guard(|| {
                let lines =
                    MultiProgress::with_draw_target(ProgressDrawTarget::term_like(terminal));
                let bar = lines.add(ProgressBar::new(3));
                bar.tick();
                lines.suspend(|| {});
                bar.inc(1);
            })
        };
        // indicatif 0.18 panics over a terminal that fails, and again in its destructors: there is
        // no trying it without.
        assert_eq!(draw(Box::new(Forgiving(Closed))), Ok(()));
    }
}
