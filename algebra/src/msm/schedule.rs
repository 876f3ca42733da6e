//! Which point goes to which bucket in which round.

/// The points of every bucket, and the buckets by falling number of points.
///
/// Slot `round · buckets + bucket` holds the bucket's point for that round, so that what one scalar adds lies within a few rounds'
/// rows. A bucket takes as many points as there are rounds; what is beyond goes to `spilled`. Scalars at random
/// spill hardly any, equal ones do.
pub(crate) struct Schedule {
    slots: Vec<u32>,
    counts: Vec<u8>,
    rounds: usize,
    order: Vec<u16>,
    /// `starts[count]`: where the buckets with that count begin in `order`; scratch of [`Self::sort`].
    starts: Vec<u32>,
    /// `active[t]`: how many buckets have more than t points: the first ones of `order`.
    active: Vec<usize>,
    /// The entries by round, then in the order of the buckets.
    entries: Vec<u32>,
    /// Bucket and entry of what found its bucket full.
    pub(crate) spilled: Vec<(u16, u32)>,
}

/// Counts are bytes, so that all of them stay in the first cache.
const MAX_ROUNDS: usize = u8::MAX as usize;

impl Schedule {
    /// For `buckets` bucket numbers, of which `points` points fill `filled` evenly.
    pub(crate) fn new(buckets: usize, filled: usize, points: usize) -> Self {
        // A bucket's number of points is about Poisson distributed: the mean plus four deviations, and a few for small means.
        let mean = points.div_ceil(filled);
        let rounds = (mean + 4 * mean.isqrt() + 4).min(MAX_ROUNDS);
        Self {
            slots: vec![0; rounds * buckets],
            counts: vec![0; buckets],
            rounds,
            order: Vec::with_capacity(buckets),
            starts: vec![0; rounds + 2],
            active: Vec::with_capacity(rounds),
            entries: Vec::with_capacity(points),
            spilled: Vec::new(),
        }
    }

    /// Forgets all points.
    pub(crate) fn clear(&mut self) {
        self.spilled.clear();
        self.counts.fill(0);
    }

    /// Gives the bucket a point.
    #[inline(always)]
    pub(crate) fn push(&mut self, bucket: u16, entry: u32) {
        let count = usize::from(self.counts[usize::from(bucket)]);
        if count < self.rounds {
            self.slots[count * self.counts.len() + usize::from(bucket)] = entry;
            self.counts[usize::from(bucket)] += 1;
        } else {
            self.spilled.push((bucket, entry));
        }
    }

    /// Orders the buckets that have points by falling number of points. To be called after the last [`Self::push`].
    pub(crate) fn sort(&mut self) {
        // A counting sort. Count c starts where the buckets with more points end.
        self.starts.fill(0);
        for count in &self.counts {
            self.starts[usize::from(*count)] += 1;
        }
        self.active.clear();
        let mut start = 0;
        for count in (1..=self.rounds).rev() {
            let buckets = self.starts[count];
            self.starts[count] = start;
            start += buckets;
        }
        self.order.clear();
        self.order.resize(start as usize, 0);
        for (bucket, count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let place = &mut self.starts[usize::from(*count)];
            self.order[*place as usize] = bucket as u16;
            *place += 1;
        }
        // Now `starts[c]` is where count c ends: that many buckets have c points or more.
        self.active.extend(
            self.starts[1..=self.rounds].iter().map(|active| *active as usize).take_while(|active| *active > 0),
        );
        self.entries.clear();
        for (round, active) in self.active.iter().enumerate() {
            let row = &self.slots[round * self.counts.len()..][..self.counts.len()];
            self.entries.extend(self.order[..*active].iter().map(|bucket| row[usize::from(*bucket)]));
        }
    }

    /// The buckets by falling number of points.
    pub(crate) fn order(&self) -> &[u16] {
        &self.order
    }

    /// Whether the bucket has points.
    #[inline(always)]
    pub(crate) fn has_points(&self, bucket: u32) -> bool {
        self.counts[bucket as usize] > 0
    }

    /// For each round, the entries of the buckets that have a point for it: the first ones of [`Self::order`].
    pub(crate) fn rounds(&self) -> impl Iterator<Item = &[u32]> {
        let mut rest = self.entries.as_slice();
        self.active.iter().map(move |active| {
            let (entries, later) = rest.split_at(*active);
            rest = later;
            entries
        })
    }
}
