package import Meter
package import MeterWire

/// What the last cycle of the present month will be like, by what cycles have cost so far.
package struct FlushForecast: Equatable, Sendable {
    package let month: BillingMonth
    /// When it begins, by our own clock.
    package let start: Timestamp
    /// When sending stops.
    package let guardStart: Timestamp
    package let end: Timestamp
    /// How many resources have a last total to be told.
    package let resources: Int
    /// What 95 of 100 turns of single resources took at most; nil before any was measured since the start.
    package let turnMilliseconds: Int64?
    /// It has begun, or is over.
    package let hasBegun: Bool
    /// When the default decides about foreign figures of the month.
    package let foreignDecided: Timestamp
    private let tailMillisecondsMax: Int64

    package init(
        month: BillingMonth,
        start: Timestamp,
        resources: Int,
        turnMilliseconds: Int64?,
        hasBegun: Bool,
        settings: ReporterSettings
    ) {
        self.month = month
        self.start = start
        self.resources = resources
        self.turnMilliseconds = turnMilliseconds
        self.hasBegun = hasBegun
        end = month.end(in: settings.zone)
        guardStart = end.advanced(byMilliseconds: -settings.guardMilliseconds)
        foreignDecided = guardStart.advanced(byMilliseconds: -settings.foreignDecideMilliseconds)
        tailMillisecondsMax = settings.tailMillisecondsMax
    }

    /// How long it takes, half as long again as measured.
    package var milliseconds: Int64 { max(0, guardStart.milliseconds - start.milliseconds) }

    /// Half of the resources have their last total so long before the month's end, or longer; what they use
    /// after it is the tail.
    package var tailMilliseconds: Int64 {
        end.milliseconds - guardStart.milliseconds + milliseconds / 2
    }

    /// The tail of the median resource is as short as it is meant to be.
    package var fits: Bool { tailMilliseconds <= tailMillisecondsMax }

    /// So long before a month's end somebody is told that it will not fit.
    package static let warningMilliseconds: Int64 = 3 * 86_400_000

    /// What a person should know now; nil while there is time, and where there is nothing.
    package func warning(at now: Timestamp) -> String? {
        guard now.milliseconds >= end.milliseconds - Self.warningMilliseconds, now < guardStart
        else {
            return nil
        }
        let turn =
            turnMilliseconds.map { "\(Self.text($0)) a turn (p95)" } ?? "nothing measured yet"
        let size = "\(resources) \(resources == 1 ? "resource" : "resources"), \(turn)"
        if !fits {
            return
                "the final flush of \(month) takes \(Self.text(milliseconds)) (\(size)): half of the last "
                + "totals are told more than \(Self.text(tailMilliseconds)) before the month's end, and what "
                + "is used after them is carried; find out why Waldur is slow, or give it more accounts"
        }
        let left = guardStart.milliseconds - now.milliseconds
        // A cycle may still run when it is due; a minute later that is no excuse.
        if !hasBegun, left + 60_000 < milliseconds {
            return "the final flush of \(month) takes \(Self.text(milliseconds)) (\(size)), and "
                + "\(Self.text(left)) are left: what is not told by then is carried"
        }
        return nil
    }

    /// `2 h 5 min`, `48 s`, `0.4 s`.
    package static func text(_ milliseconds: Int64) -> String {
        let seconds = milliseconds / 1_000
        if seconds >= 3_600 { return "\(seconds / 3_600) h \(seconds % 3_600 / 60) min" }
        if seconds >= 60 {
            let rest = seconds % 60
            return rest == 0 ? "\(seconds / 60) min" : "\(seconds / 60) min \(rest) s"
        }
        return seconds >= 10 || milliseconds % 1_000 < 100
            ? "\(seconds) s" : "\(seconds).\(milliseconds % 1_000 / 100) s"
    }
}

extension Reporter {
    /// What the last cycle of the present month will be like; nil before resources were listed.
    package func flushForecast(at moment: ReporterMoment) -> FlushForecast? {
        guard let due = flushStart(at: moment), !bound.isEmpty else { return nil }
        return FlushForecast(
            month: due.month,
            start: due.start,
            resources: bound.values.count(where: \.isLive),
            turnMilliseconds: flush.isMeasured ? flush.turnMilliseconds : nil,
            hasBegun: flushed == due.month,
            settings: settings
        )
    }
}
