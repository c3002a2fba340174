internal import Foundation

/// What a zone's clocks showed against UTC, second by second, over a stretch of time.
package struct ZoneOffsets: Sendable {
    /// From `start` on, clocks show UTC plus `offset`; until the next one's start.
    package struct Stretch: Equatable, Sendable {
        package let start: Int
        package let offset: Int

        package init(start: Int, offset: Int) {
            self.start = start
            self.offset = offset
        }
    }

    /// Seconds since 1970 and seconds east of UTC, ascending; at least one, and the first also holds before its
    /// start.
    package let stretches: [Stretch]

    package init(stretches: [Stretch]) { self.stretches = stretches }

    /// The offsets of an IANA zone from two days before `first` to two days after `last`, in seconds
    /// since 1970; nil for a zone that is not in the IANA database.
    ///
    /// Costs a look-up for every six hours: no zone has ever moved its clocks twice within that.
    package init?(zone identifier: String, from first: Int, to last: Int) {
        guard identifier == "UTC" || identifier.contains("/") || Self.plain.contains(identifier),
            let zone = TimeZone(identifier: identifier)
        else { return nil }
        func offset(_ second: Int) -> Int {
            zone.secondsFromGMT(for: Date(timeIntervalSince1970: TimeInterval(second)))
        }
        let step = 6 * 3_600
        var position = first - 2 * 86_400
        var current = offset(position)
        var stretches = [Stretch(start: position, offset: current)]
        while position < last + 2 * 86_400 {
            let next = position + step
            if offset(next) != current {
                var (before, after) = (position, next)
                while after - before > 1 {
                    let middle = before + (after - before) / 2
                    if offset(middle) == current { before = middle } else { after = middle }
                }
                current = offset(after)
                stretches.append(Stretch(start: after, offset: current))
                position = after
            } else {
                position = next
            }
        }
        self.stretches = stretches
    }

    /// IANA's names without a slash that are zones and not abbreviations which mean several things.
    private static let plain: Set<String> = [
        "GMT", "Zulu", "UCT", "Universal", "Cuba", "Egypt", "Eire", "GB", "Greenwich", "Hongkong",
        "Iceland", "Iran", "Israel", "Jamaica", "Japan", "Kwajalein", "Libya", "NZ", "NZ-CHAT",
        "Navajo", "PRC", "Poland", "Portugal", "ROC", "ROK", "Singapore", "Turkey", "W-SU",
        "CET", "EET", "MET", "WET", "EST", "MST", "HST", "EST5EDT", "CST6CDT", "MST7MDT", "PST8PDT",
    ]

    /// Local time at a moment, as seconds since 1970 on the zone's clocks.
    package func local(_ second: Int) -> Int {
        // The first stretch that begins later; the one before it holds.
        var (low, high) = (1, stretches.count)
        while low < high {
            let middle = low + (high - low) / 2
            if stretches[middle].start <= second { low = middle + 1 } else { high = middle }
        }
        return second + stretches[low - 1].offset
    }

    /// The first second at which the zone's clocks show this day since 1970-01-01, or a later one.
    package func firstMoment(ofDay day: Int) -> Int {
        let midnight = day * 86_400
        for (index, stretch) in stretches.enumerated() {
            // Within a stretch local time only grows: midnight is shown at one moment, or was before.
            let shown = midnight - stretch.offset
            let start = index == 0 ? Int.min : stretch.start
            let end = index + 1 < stretches.count ? stretches[index + 1].start : .max
            if shown < end { return max(shown, start) }
        }
        return midnight
    }
}
