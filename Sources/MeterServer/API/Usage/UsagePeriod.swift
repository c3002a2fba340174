internal import MeterWaldur
package import MeterWire

/// The period and the windows that a usage query asks for, checked.
package struct UsagePeriod: Sendable {
    package let from: Minute
    package let to: Minute
    /// nil for one window over the whole period.
    package let size: WindowSize?
    package let zone: String
    /// Ascending, from `from` to `to`.
    package let boundaries: [Minute]

    /// The names of the parameters that it reads.
    package static let parameters: Set<String> = ["from", "to", "windowSize", "windowTimeZone"]
    /// Windows of one answer: a week of minutes.
    package static let windowCountMax = 10_080
    /// Rows of one answer: windows times groups.
    package static let rowCountMax = 100_000

    package var windowCount: Int { boundaries.count - 1 }

    /// Reads the parameters. Without `from` the period begins with the month of `now` in the zone;
    /// without `to` it ends with the minute that `now` lies in, or with a longer stretch of that.
    ///
    /// - Parameter grain: Minutes of the stretch.
    package init(_ items: QueryItems, now: Timestamp, grain: Int = 1) throws(Problem) {
        zone = try items.one("windowTimeZone") ?? "UTC"
        if let text = try items.one("windowSize") {
            guard let known = WindowSize(rawValue: text) else {
                throw .badQuery("`windowSize` is MINUTE, HOUR, DAY or MONTH.")
            }
            size = known
        } else {
            size = nil
        }
        let nowSecond = Int(now.milliseconds / 1_000)
        let to: Minute
        if let given = try Self.minute(items, "to") {
            to = given
        } else {
            to = Minute(rawValue: UInt32(clamping: (nowSecond / 60 / grain + 1) * grain))
        }
        let from: Minute
        if let given = try Self.minute(items, "from") {
            from = given
        } else {
            let offsets = try Self.offsets(zone, nowSecond, nowSecond)
            let today = CivilDate(
                daysSince1970: offsets.local(nowSecond).flooredQuotient(by: 86_400)
            )
            let wide = try Self.offsets(zone, nowSecond - 32 * 86_400, nowSecond)
            let start = wide.firstMoment(ofDay: today.startOfMonth.daysSince1970)
            from = Minute(rawValue: UInt32(clamping: start.flooredQuotient(by: 60)))
        }
        guard from < to else {
            throw .badQuery("`from` must be earlier than `to`; periods are half-open, [from, to).")
        }
        // Finding where a zone moved its clocks costs a look-up for every six hours of the period.
        guard size == nil || size == .minute || to.rawValue - from.rawValue <= 5_300_000 else {
            throw .queryCost("A period that is cut into windows is at most ten years long.")
        }
        let second = (Int(from.rawValue) * 60, Int(to.rawValue) * 60)
        let offsets =
            size == nil || size == .minute
            ? try Self.offsets(zone, second.0, second.0)
            : try Self.offsets(zone, second.0, second.1)
        do throws(WindowBoundaries.Failure) {
            boundaries = try WindowBoundaries.boundaries(
                from: from,
                to: to,
                size: size,
                offsets: offsets,
                limit: Self.windowCountMax
            )
        } catch {
            switch error {
            case .tooMany(let limit):
                throw .queryCost(
                    "The period has more than \(limit) windows; ask for a shorter period or a larger "
                        + "`windowSize`."
                )
            case .notAtAMinute:
                throw .badQuery("A window of this zone begins inside a minute; use another zone.")
            }
        }
        self.from = from
        self.to = to
    }

    /// The period that this one is compared with: the months before it where it begins with a month and has
    /// whole ones or a part of one, of a part the part that is as long; otherwise as long a time before it.
    package func previous() throws(Problem) -> (from: Minute, to: Minute) {
        let length = to.rawValue - from.rawValue
        let before = Minute(rawValue: from.rawValue - min(from.rawValue, length))
        let (first, last) = (Int(from.rawValue) * 60, Int(to.rawValue) * 60)
        // Months before it need not lie within the period: two more than it has are enough.
        let wide = try Self.offsets(zone, first - (last - first) - 63 * 86_400, last)
        func date(_ second: Int) -> CivilDate {
            CivilDate(daysSince1970: wide.local(second).flooredQuotient(by: 86_400))
        }
        func start(_ date: CivilDate) -> Int { wide.firstMoment(ofDay: date.daysSince1970) }
        let month = date(first)
        guard month.day == 1, start(month) == first else { return (before, from) }
        var count = 0
        var end = month
        while start(end) < last {
            end = end.startOfNextMonth
            count += 1
        }
        let isWhole = start(end) == last
        guard isWhole || count == 1 else { return (before, from) }
        var previous = month
        for _ in 0..<count {
            previous = CivilDate(daysSince1970: previous.daysSince1970 - 1).startOfMonth
        }
        let previousStart = Minute(
            rawValue: UInt32(clamping: start(previous).flooredQuotient(by: 60))
        )
        let sameLength = Minute(rawValue: previousStart.rawValue + length)
        return (previousStart, isWhole ? from : min(from, sameLength))
    }

    /// Refuses an answer that would have too many rows.
    package func checkCost(groupCount: Int) throws(Problem) {
        guard windowCount * groupCount <= Self.rowCountMax else {
            throw .queryCost(
                "\(groupCount) groups in \(windowCount) windows are more than \(Self.rowCountMax) "
                    + "rows; ask for a shorter period, larger windows or fewer agents."
            )
        }
    }

    private static func offsets(
        _ zone: String,
        _ first: Int,
        _ last: Int
    ) throws(Problem) -> ZoneOffsets {
        guard let offsets = ZoneOffsets(zone: zone, from: first, to: last) else {
            throw .badQuery(
                "`windowTimeZone` is a name of the IANA database, such as Europe/Berlin."
            )
        }
        return offsets
    }

    private static func minute(_ items: QueryItems, _ name: String) throws(Problem) -> Minute? {
        guard let text = try items.one(name) else { return nil }
        guard let time = RFC3339.time(text), let minute = Minute(time) else {
            throw .badQuery(
                "`\(name)` is RFC 3339 with an offset, such as 2026-11-01T00:00:00Z (write + as %2B)."
            )
        }
        guard time.milliseconds % 60_000 == 0 else {
            throw .badQuery("`\(name)` is a whole minute: usage is counted by the minute.")
        }
        return minute
    }
}
