//! Which point goes to which bucket in which round.

/// The points of every bucket, and the buckets by falling number of points.
///
/// Digits are written down as they come, and counted by bucket; [`Self::sort`] then orders the
/// buckets and puts every digit in its place: round t holds the t-th point of every bucket that has
/// so many, in the order of the buckets. A bucket takes as many points as there are rounds; what is
/// beyond goes to `spilled`. Scalars at random spill hardly any, equal ones do.
pub(crate) struct Schedule {
    /// Bucket and entry of each digit.
    digits: Vec<(u16, u32)>,
    /// How many points a bucket has, those that spill included.
    counts: Vec<u32>,
    rounds: usize,
    order: Vec<u16>,
    /// For each bucket, its rank in `order`, and how many of its points have found their place.
    buckets: Vec<BucketState>,
    /// `starts[count]`: where the buckets with that count begin in `order`; scratch of
    /// [`Self::sort`].
    starts: Vec<u32>,
    /// `active[t]`: how many buckets have more than t points: the first ones of `order`.
    active: Vec<usize>,
    /// `first[t]`: where round t begins in `entries`.
    first: Vec<u32>,
    /// The entries by round, then in the order of the buckets.
    entries: Vec<u32>,
    /// Bucket and entry of what found its bucket full.
    pub(crate) spilled: Vec<(u16, u32)>,
}

#[derive(Clone, Copy, Default)]
struct BucketState {
    rank: u16,
    filled: u16,
}

/// More rounds than this are never worth their inversions.
const MAX_ROUNDS: usize = 255;

/// Entries behind the last one, so that a vector of lanes may read beyond it.
pub(crate) const PADDING: usize = super::lanes::MAX_WIDTH;

impl Schedule {
    /// For `buckets` bucket numbers, of which `points` points fill `filled` evenly.
    pub(crate) fn new(buckets: usize, filled: usize, points: usize) -> Self {
        // A bucket's number of points is about Poisson distributed: the mean plus four deviations,
        // and a few for small means.
        let mean = points.div_ceil(filled);
        let rounds = (mean + 4 * mean.isqrt() + 4).min(MAX_ROUNDS);
        Self {
            digits: Vec::with_capacity(points),
            counts: vec![0; buckets],
            rounds,
            order: Vec::with_capacity(buckets),
            buckets: vec![BucketState::default(); buckets],
            starts: vec![0; rounds + 2],
            active: Vec::with_capacity(rounds),
            first: Vec::with_capacity(rounds),
            entries: vec![0; points + PADDING],
            spilled: Vec::new(),
        }
    }

    /// Forgets all points.
    pub(crate) fn clear(&mut self) {
        self.digits.clear();
        self.spilled.clear();
        self.counts.fill(0);
    }

    /// Gives the bucket a point.
    #[inline(always)]
    pub(crate) fn push(&mut self, bucket: u16, entry: u32) {
        self.digits.push((bucket, entry));
        self.counts[usize::from(bucket)] += 1;
    }

    /// Orders the buckets that have points by falling number of points, and puts the points in
    /// their places. To be called after the last [`Self::push`].
    pub(crate) fn sort(&mut self) {
        let capped = |count: u32| (count as usize).min(self.rounds);
        // A counting sort. Count c starts where the buckets with more points end.
        self.starts.fill(0);
        for count in &self.counts {
            self.starts[capped(*count)] += 1;
        }
        let mut start = 0;
        for count in (1..=self.rounds).rev() {
            let buckets = self.starts[count];
            self.starts[count] = start;
            start += buckets;
        }
        self.order.clear();
        self.order.resize(start as usize, 0);
        for (bucket, count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let place = &mut self.starts[capped(*count)];
            self.order[*place as usize] = bucket as u16;
            self.buckets[bucket] = BucketState { rank: *place as u16, filled: 0 };
            *place += 1;
        }
        // Now `starts[c]` is where count c ends: that many buckets have c points or more.
        self.active.clear();
        self.first.clear();
        let mut first = 0;
        for active in self.starts[1..=self.rounds].iter().take_while(|active| **active > 0) {
            self.active.push(*active as usize);
            self.first.push(first);
            first += active;
        }
        for (bucket, entry) in &self.digits {
            let place = &mut self.buckets[usize::from(*bucket)];
            match self.first.get(usize::from(place.filled)) {
                Some(first) => {
                    self.entries[*first as usize + usize::from(place.rank)] = *entry;
                    place.filled += 1;
                }
                None => self.spilled.push((*bucket, *entry)),
            }
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

    /// The entries of a round for some buckets in a row of [`Self::order`], those that have a point
    /// for it, and [`PADDING`] entries without meaning. No entries if there is no such round, or no
    /// such bucket.
    #[inline(always)]
    pub(crate) fn round(&self, round: usize, buckets: core::ops::Range<usize>) -> &[u32] {
        let active = self.active.get(round).copied().unwrap_or(0).min(buckets.end);
        if active <= buckets.start {
            return &[];
        }
        let first = self.first[round] as usize;
        &self.entries[first + buckets.start..first + active + PADDING]
    }
}
