package import MeterWire

/// The time zone of a Waldur's months: a setting, since Waldur does not tell it. An IANA zone with all its
/// changes, or a fixed offset.
package struct WaldurZone: Hashable, Sendable, CustomStringConvertible {
    /// `UTC`, `+02:00` or `Europe/Tallinn`, as it was given.
    package let description: String
    private let offsets: ZoneOffsets

    /// Greenwich, Waldur's default.
    package static let utc = WaldurZone("UTC", offset: .utc)

    /// Reads `UTC`, an offset such as `+02:00`, or a name of the IANA database; nil for anything else.
    ///
    /// The changes of an IANA zone are looked up once, for the years in ``years``; before and after them the
    /// first and the last of its offsets hold.
    package init?(_ text: String) {
        if let offset = ZoneOffset(text) {
            self.init(text, offset: offset)
            return
        }
        func second(_ year: Int) -> Int {
            Int(CivilDate.day(year: year, month: 1, day: 1)) * 86_400
        }
        guard
            let offsets = ZoneOffsets(
                zone: text,
                from: second(Self.years.lowerBound),
                to: second(Self.years.upperBound + 1)
            )
        else { return nil }
        self.init(text, offsets)
    }

    private init(_ description: String, offset: ZoneOffset) {
        self.init(
            description,
            ZoneOffsets(stretches: [.init(start: 0, offset: offset.minutes * 60)])
        )
    }

    private init(_ description: String, _ offsets: ZoneOffsets) {
        self.description = description
        self.offsets = offsets
    }

    private static let years = 2015...2065

    package static func == (left: WaldurZone, right: WaldurZone) -> Bool {
        left.description == right.description
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(description) }

    /// The day since 1970-01-01 that the zone's clocks show.
    package func day(of time: Timestamp) -> Int64 {
        let second = time.milliseconds.flooredQuotient(by: 1_000)
        return Int64(offsets.local(Int(second))).flooredQuotient(by: 86_400)
    }

    /// The first moment at which the zone's clocks show a day since 1970-01-01, or a later one.
    package func start(ofDay day: Int64) -> Timestamp {
        Timestamp(milliseconds: Int64(offsets.firstMoment(ofDay: Int(day))) * 1_000)
    }
}

extension Int64 {
    /// The quotient, rounded towards minus infinity.
    func flooredQuotient(by divisor: Int64) -> Int64 {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }
}
