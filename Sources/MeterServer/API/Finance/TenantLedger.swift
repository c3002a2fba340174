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
    let zone: ZoneOffset

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
