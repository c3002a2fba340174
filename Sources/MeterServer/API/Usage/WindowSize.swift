package import MeterWaldur
package import MeterWire

/// How long the windows of a series are, on the clocks of a zone.
package enum WindowSize: String, Sendable, CaseIterable {
    case minute = "MINUTE"
    /// Begins wherever the clock shows a whole hour, or jumps into another hour. The hour that is shown
    /// twice in autumn is two windows.
    case hour = "HOUR"
    /// Begins at the first moment of its date; has 23 or 25 hours where clocks are moved. A date that a
    /// zone has skipped has no window.
    case day = "DAY"
    /// Begins at the first moment of its first date.
    case month = "MONTH"
}

/// Where the windows of a period begin and end.
package enum WindowBoundaries {
    package enum Failure: Error, Equatable {
        /// The period would have more than this many windows.
        case tooMany(limit: Int)
        /// A window would begin inside a minute; no zone has done so since 1972.
        case notAtAMinute
    }

    /// The boundaries of `[from, to)` cut into windows: `from`, every beginning of a window inside, `to`.
    /// The first and the last window may be parts of a day or month; together they are the period.
    package static func boundaries(
        from: Minute,
        to: Minute,
        size: WindowSize?,
        offsets: ZoneOffsets,
        limit: Int
    ) throws(Failure) -> [Minute] {
        guard let size else { return [from, to] }
        var boundaries = [from]
        func append(_ second: Int) throws(Failure) {
            guard second % 60 == 0, let value = UInt32(exactly: second / 60) else {
                throw .notAtAMinute
            }
            let minute = Minute(rawValue: value)
            guard let last = boundaries.last, minute > last, minute < to else { return }
            guard boundaries.count < limit else { throw .tooMany(limit: limit) }
            boundaries.append(minute)
        }
        let (first, last) = (Int(from.rawValue) * 60, Int(to.rawValue) * 60)
        switch size {
        case .minute:
            guard last - first <= limit * 60 else { throw .tooMany(limit: limit) }
            for second in stride(from: first + 60, to: last, by: 60) { try append(second) }
        case .hour:
            for (start, end, offset) in pieces(offsets, from: first, to: last) {
                // A jump into another hour begins a window even where it is not a whole hour.
                if start > first {
                    let before = offsets.local(start - 1).flooredQuotient(by: 3_600)
                    if (start + offset).flooredQuotient(by: 3_600) != before { try append(start) }
                }
                var local = (start + offset + 3_599).flooredQuotient(by: 3_600) * 3_600
                while local - offset < end {
                    try append(local - offset)
                    local += 3_600
                }
            }
        case .day, .month:
            let localFirst = offsets.local(first).flooredQuotient(by: 86_400)
            var date = CivilDate(daysSince1970: localFirst)
            while true {
                date =
                    size == .month
                    ? date.startOfNextMonth : CivilDate(daysSince1970: date.daysSince1970 + 1)
                let start = offsets.firstMoment(ofDay: date.daysSince1970)
                if start >= last { break }
                try append(start)
            }
        }
        boundaries.append(to)
        return boundaries
    }

    private static func pieces(
        _ offsets: ZoneOffsets,
        from: Int,
        to: Int
    ) -> [(start: Int, end: Int, offset: Int)] {
        var pieces: [(start: Int, end: Int, offset: Int)] = []
        for (index, stretch) in offsets.stretches.enumerated() {
            let start = index == 0 ? from : max(stretch.start, from)
            let end = index + 1 < offsets.stretches.count ? offsets.stretches[index + 1].start : to
            if start < min(end, to) { pieces.append((start, min(end, to), stretch.offset)) }
        }
        return pieces
    }
}
