internal import Meter
internal import MeterWaldur
internal import MeterWire

/// Up to when everything is in closed billing periods, by the book: what happened before is needed by no
/// period any more.
struct ReleasedTime {
    let book: BookState
    /// Of the configured Waldurs.
    let zones: [WaldurID: WaldurZone]
    let now: Timestamp
    /// How long ago something must have happened that no Waldur has a binding for.
    let ageDays: Int

    /// The earliest moment of any billing period that is not closed, or not for so many days.
    ///
    /// A month is closed when it is cut and every tenant with a binding in it is closed and not opened again; one
    /// without bindings counts as closed at its end. Before the first binding of all, and where there is no
    /// Waldur, age decides alone.
    func released(closedForDays days: Int) -> Timestamp {
        let aged = Self.moved(now, days: -ageDays)
        var released: Timestamp?
        let bound = Dictionary(grouping: book.bindings.values.joined(), by: \.waldur)
        for (waldur, bindings) in bound {
            guard let first = bindings.map(\.from).min() else { continue }
            let zone = zones[waldur] ?? Self.easternmost
            var limit = Timestamp(milliseconds: 0)
            if let open = openMonth(of: waldur, from: first, bindings, zone, days) {
                let start = open.month.start(in: zone)
                limit = open.isFirst ? min(start, aged) : start
            }
            released = min(released ?? limit, limit)
        }
        return released ?? aged
    }

    /// The first month that is not closed for long enough, the present one at last; nil outside the years that
    /// months can have.
    private func openMonth(
        of waldur: WaldurID, from first: Minute, _ bindings: [Binding], _ zone: WaldurZone,
        _ days: Int
    ) -> (month: BillingMonth, isFirst: Bool)? {
        guard var month = BillingMonth(of: first.start, in: zone),
            let present = BillingMonth(of: now, in: zone)
        else { return nil }
        let earliest = month
        while month < present {
            guard let closed = closing(of: month, waldur, bindings, zone),
                Self.moved(closed, days: days) <= now
            else { break }
            month = month.next
        }
        return (month, month == earliest)
    }

    /// When a month's last tenant was closed; nil while it is not closed.
    private func closing(
        of month: BillingMonth, _ waldur: WaldurID, _ bindings: [Binding], _ zone: WaldurZone
    ) -> Timestamp? {
        let (start, end) = (month.start(in: zone), month.end(in: zone))
        let tenants = Set(
            bindings.filter { $0.from.start < end && $0.to.map { $0.start > start } ?? true }
                .map(\.tenant))
        if tenants.isEmpty { return end }
        guard book.billing.isCut(month, of: waldur) else { return nil }
        var latest = end
        for tenant in tenants {
            let key = TenantPeriod(waldur: waldur, month: month, tenant: tenant)
            guard let standing = book.billing.periods[key], !standing.isReopened else { return nil }
            latest = max(latest, standing.closedAt)
        }
        return latest
    }

    /// Of a Waldur that is configured no more nobody knows the zone: this one begins its months first.
    private static let easternmost = WaldurZone("+14:00") ?? .utc

    private static func moved(_ time: Timestamp, days: Int) -> Timestamp {
        time.advanced(byMilliseconds: Int64(days) * 86_400_000)
    }
}
