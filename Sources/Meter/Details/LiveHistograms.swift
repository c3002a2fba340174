internal import CMeter

/// Where a row keeps one of its histograms: its counts of a stretch of doublings, one after another.
struct HistogramPlace: BitwiseCopyable, Sendable {
    /// The first chunk, which has the counts of doubling `first`.
    var chunk: UInt32 = 0
    var first: UInt8 = 0
    /// Behind the last doubling that has counts; as `first` where none has.
    var end: UInt8 = 0
}

/// The histograms of rows that have many calls: direct addressing, a store to one cache line a value.
///
/// A chunk has the counts of one doubling's 32 buckets, 16 bits each, in a cache line. A histogram is a
/// stretch of chunks; where a value lies outside, a longer stretch takes its place. A count that would
/// leave 16 bits is noted and begins again.
@safe struct LiveHistograms: ~Copyable {
    private static let chunkByteCount = Histogram.doublingCount * 2
    private static let doublingMax = Histogram.bucketCount / Histogram.doublingCount
    /// Stretches begin and end at multiples of this, so that few are left behind while one grows.
    private static let step = 4
    private static let wrapCount: UInt64 = 1 << 16

    private var chunks = MappedMemory(byteCount: 1 << 16)
    private var chunkCount = 0
    /// Times that a count began again, by its place.
    private var wraps: [Int: UInt64] = [:]

    init() {}

    /// What the histograms take, as far as they are in use.
    var byteCount: Int { chunkCount * Self.chunkByteCount }

    @inline(__always)
    private func counts(_ place: HistogramPlace) -> UnsafeMutablePointer<UInt16> {
        unsafe (chunks.base + Int(place.chunk) &* Self.chunkByteCount)
            .assumingMemoryBound(to: UInt16.self)
    }

    @inline(__always)
    private func offset(_ bucket: Int, _ place: HistogramPlace) -> Int {
        bucket &- Int(place.first) &* Histogram.doublingCount
    }

    /// Asks for the count that a value will be added to.
    @inline(__always)
    func prefetch(_ bucket: Int, of place: HistogramPlace) {
        unsafe meter_prefetch(counts(place) + offset(bucket, place))
    }

    /// Counts one value.
    @inline(__always)
    mutating func add(_ bucket: Int, to place: inout HistogramPlace) {
        let doubling = bucket / Histogram.doublingCount
        if doubling < Int(place.first) || doubling >= Int(place.end) {
            extend(&place, to: doubling)
        }
        let count = unsafe counts(place) + offset(bucket, place)
        unsafe count.pointee &+= 1
        if unsafe count.pointee == 0 { noteWrap(offset(bucket, place), place) }
    }

    @inline(never)
    private mutating func noteWrap(_ offset: Int, _ place: HistogramPlace) {
        wraps[Int(place.chunk) * Histogram.doublingCount + offset, default: 0] += 1
    }

    @inline(never)
    private mutating func extend(_ place: inout HistogramPlace, to doubling: Int) {
        let isEmpty = place.first == place.end
        let first = isEmpty ? doubling : min(doubling, Int(place.first))
        let last = isEmpty ? doubling : max(doubling, Int(place.end) - 1)
        let start = first / Self.step * Self.step
        let end = min((last / Self.step + 1) * Self.step, Self.doublingMax)
        chunks.reserve((chunkCount + end - start) * Self.chunkByteCount)
        let old = place
        place = HistogramPlace(
            chunk: UInt32(truncatingIfNeeded: chunkCount), first: UInt8(truncatingIfNeeded: start),
            end: UInt8(truncatingIfNeeded: end))
        chunkCount += end - start
        for offset in 0..<Int(old.end - old.first) * Histogram.doublingCount {
            let shifted = offset + Int(old.first - place.first) * Histogram.doublingCount
            unsafe counts(place)[shifted] = counts(old)[offset]
            let key = Int(old.chunk) * Histogram.doublingCount + offset
            if !wraps.isEmpty, let count = wraps.removeValue(forKey: key) {
                wraps[Int(place.chunk) * Histogram.doublingCount + shifted] = count
            }
        }
    }

    /// Calls `body` with every bucket that has values, ascending.
    func forEachBucket(of place: HistogramPlace, _ body: (Int, UInt64) -> Void) {
        for offset in 0..<Int(place.end - place.first) * Histogram.doublingCount {
            var count = unsafe UInt64(counts(place)[offset])
            if !wraps.isEmpty {
                let key = Int(place.chunk) * Histogram.doublingCount + offset
                count += (wraps[key] ?? 0) * Self.wrapCount
            }
            if count > 0 {
                body(Int(place.first) * Histogram.doublingCount + offset, count)
            }
        }
    }
}
