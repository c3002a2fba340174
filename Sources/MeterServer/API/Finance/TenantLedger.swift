internal import Meter
internal import MeterWaldur
internal import MeterWire

/// The ledger over one tenant's usage, as finance reads it. Its figures are whole for resources that only
/// this tenant uses.
struct TenantLedger: Sendable {
    /// A month at one position, with the state of the book that it was made with.
    struct Reading {
        let month: LedgerMonth
        let book: BookState
        let query: UsageQuery
        let answer: UsageAnswer
    }

    let source: any BillingSource
    let waldur: WaldurID
    let zone: WaldurZone

    /// The month that is now, on Waldur's calendar.
    var present: BillingMonth? { BillingMonth(of: source.now(), in: zone) }

    /// A month's minutes.
    func period(_ month: BillingMonth?) throws(Problem) -> BillingPeriod {
        guard let month, let start = Minute(month.start(in: zone)),
            let end = Minute(month.end(in: zone)),
            let period = BillingPeriod(waldur: waldur, month: month, start: start, end: end)
        else { throw .badQuery("`period` is a month since 1970, such as 2026-11.") }
        return period
    }

    /// Reads a period.
    ///
    /// - Parameters:
    ///   - tenant: nil for all tenants.
    ///   - byMinute: Keeps every minute apart, so that the answer has the rows that a statement's hash is
    ///     made of; costs memory for each of them.
    func read(
        _ tenant: Name?,
        in period: BillingPeriod,
        byMinute: Bool = false
    ) async throws(Problem) -> Reading {
        // A decision may come between the question and its answer; then the windows may not fit.
        for _ in 0..<3 {
            var query = Ledger.query(source.book, period)
            query.tenants = tenant.map { [$0] }
            if byMinute {
                query.windows = (period.start.rawValue...period.end.rawValue).map {
                    Minute(rawValue: $0)
                }
            }
            let answer = try await source.usage(query)
            let book = source.book
            do throws(LedgerError) {
                let month = try Ledger.attribute(answer, to: query, book: book, period: period)
                return Reading(month: month, book: book, query: query, answer: answer)
            } catch {
                guard case .windowsStale = error else {
                    throw .unavailable("The ledger of \(period.month): \(error).")
                }
            }
        }
        throw .unavailable("Bindings change faster than the ledger can be asked.", retryAfter: 1)
    }
}

/// The ledgers of all Waldurs that are reported to; one of a Waldur called `waldur` where none is configured.
struct TenantLedgers: Sendable {
    /// At least one.
    let all: [TenantLedger]

    init(_ source: any BillingSource, _ waldurs: [ServerConfiguration.Waldur]) {
        let ledgers = waldurs.map {
            TenantLedger(source: source, waldur: $0.id, zone: $0.zone)
        }
        all =
            ledgers.isEmpty
            ? [TenantLedger(source: source, waldur: "waldur", zone: .utc)] : ledgers
    }

    /// The ledger of the Waldur that the query names, or of the only one that the tenant has bindings in.
    func one(_ query: QueryItems, of tenant: Name? = nil) throws(Problem) -> TenantLedger {
        if let name = try query.one("waldur") {
            guard let ledger = all.first(where: { $0.waldur.name == name }) else {
                throw .badQuery(
                    "There is no Waldur `\(QueryItems.shown(name))`; there are \(names(all))."
                )
            }
            return ledger
        }
        guard all.count > 1 else { return all[0] }
        var candidates = all
        if let tenant {
            let bound = Set(
                all[0].source.book.allBindings.filter { $0.tenant == tenant }.map(\.waldur)
            )
            candidates = all.filter { bound.contains($0.waldur) }
            if candidates.isEmpty { return all[0] }
        }
        guard candidates.count == 1 else {
            throw .badQuery("`waldur` says which of \(names(candidates)) is meant.")
        }
        return candidates[0]
    }

    private func names(_ ledgers: [TenantLedger]) -> String {
        ledgers.map(\.waldur.name).joined(separator: ", ")
    }
}
