/// A list of sequence ranges: count, then for each how far it begins after the end of the one before (the
/// first: after 0) and its length. Ranges are in order, do not touch and are not empty.
extension [UInt8] {
    mutating func appendRanges(_ ranges: some Collection<Range<UInt64>>) {
        appendVarint(ranges.count)
        var end: UInt64 = 0
        for range in ranges {
            appendVarint(range.lowerBound &- end)
            appendVarint(range.upperBound &- range.lowerBound)
            end = range.upperBound
        }
    }
}

extension WireReader {
    /// Reads a list of ranges of sequences below `limit`.
    mutating func ranges(
        through limit: UInt64 = WireLimits.valueMax
    ) throws(FrameError) -> [Range<UInt64>] {
        var ranges: [Range<UInt64>] = []
        var end: UInt64 = 0
        for position in 0..<(try listCount(elementByteCount: 2)) {
            let gap = try varint63()
            let length = try varint63()
            guard length > 0, gap > 0 || position == 0 else { throw .rangeInvalid }
            let (first, beyond) = end.addingReportingOverflow(gap)
            let (last, above) = first.addingReportingOverflow(length)
            guard !beyond, !above, last <= limit else { throw .rangeInvalid }
            ranges.append(first..<last)
            end = last
        }
        return ranges
    }
}
