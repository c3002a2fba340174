import Foundation

/// The clock that months are counted by: Waldur's `TIME_ZONE`.
struct Zone: Hashable, Sendable {
    static let utc = Zone(zone: .gmt)

    private let zone: TimeZone

    private init(zone: TimeZone) { self.zone = zone }

    /// An IANA name such as `Europe/Tallinn`; nil for an unknown one.
    init?(_ name: String) {
        guard let zone = TimeZone(identifier: name) else { return nil }
        self.zone = zone
    }

    /// How far its clocks are ahead of UTC.
    func offset(at moment: Moment) -> Int64 {
        let date = Date(timeIntervalSince1970: Double(moment.micros / Moment.second))
        return Int64(zone.secondsFromGMT(for: date)) * Moment.second
    }

    /// What its clocks show, as a moment of UTC.
    func local(_ moment: Moment) -> Moment {
        self == .utc ? moment : Moment(micros: moment.micros + offset(at: moment))
    }

    /// When its clocks show `local`, read as UTC.
    func moment(local: Moment) -> Moment {
        guard self != .utc else { return local }
        // The offset before the moment can be another one than at it.
        let guess = Moment(micros: local.micros - offset(at: local))
        return Moment(micros: local.micros - offset(at: guess))
    }
}

/// A billing month.
struct Month: Hashable, Comparable, Sendable {
    var year: Int
    var number: Int
    var zone = Zone.utc

    init(year: Int, number: Int, zone: Zone = .utc) {
        (self.year, self.number, self.zone) = (year, number, zone)
    }

    /// The month in which a moment lies.
    init(of moment: Moment, in zone: Zone) {
        let (year, month, _) = zone.local(moment).civil
        self.init(year: year, number: month, zone: zone)
    }

    static func < (a: Month, b: Month) -> Bool { (a.year, a.number) < (b.year, b.number) }

    /// The first day, as Waldur names the month: `2026-11-01`.
    var name: String { Moment(year: year, month: number, day: 1).date }

    var start: Moment { zone.moment(local: Moment(year: year, month: number, day: 1)) }

    private var next: Moment { zone.moment(local: Moment(year: year, month: number + 1, day: 1)) }

    /// The last microsecond, which Waldur uses as the end of everything that runs on.
    var end: Moment { Moment(micros: next.micros - 1) }

    var days: Int { Self.days(of: number, in: year) }

    static func days(of month: Int, in year: Int) -> Int {
        let (first, next) = (
            Moment(year: year, month: month, day: 1), Moment(year: year, month: month + 1, day: 1)
        )
        return Int((next.micros - first.micros) / Moment.day)
    }

    var previous: Month { Month(of: Moment(micros: start.micros - 1), in: zone) }
}
