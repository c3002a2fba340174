import Meter
import MeterWaldur

/// Does what a reporter wants next, as the service does it in the product, but without waiting.
struct ActionPerformer {
    let engine: FakeEngine
    private(set) var ledger: LedgerReader

    init(_ engine: FakeEngine, _ settings: ReporterSettings) {
        self.engine = engine
        ledger = LedgerReader(waldur: settings.waldur, zone: settings.zone)
    }

    /// Forgets what the ledger said, as a process does that dies.
    mutating func forget() { ledger.forget() }

    /// Does one action and says what came of it; for a rest the caller lets time pass.
    ///
    /// - Parameter error: What comes of anything that is asked of Waldur, instead of asking.
    mutating func perform(
        _ action: ReporterAction,
        through client: WaldurClient,
        failing error: WaldurError? = nil
    ) async -> ReporterEvent {
        func ask<Value>(
            _ operation: () async throws(WaldurError) -> Value
        ) async -> Result<Value, WaldurError> {
            if let error { return .failure(error) }
            do throws(WaldurError) {
                return .success(try await operation())
            } catch {
                return .failure(error)
            }
        }
        switch action {
        case .listResources:
            ledger.forget()
            return .resources(
                await ask { () async throws(WaldurError) in try await client.resources() }
            )
        case .readOffering(let id):
            return .offering(
                await ask { () async throws(WaldurError) in try await client.offering(id) }
            )
        case .readOrders:
            return .orders(await ask { () async throws(WaldurError) in try await client.orders() })
        case .readOrder(let id):
            return .order(await ask { () async throws(WaldurError) in try await client.order(id) })
        case .readInvoices:
            return .invoices(
                await ask { () async throws(WaldurError) in try await client.invoices() }
            )
        case .readPlanPeriods(let id):
            return .planPeriods(
                await ask { () async throws(WaldurError) in try await client.planPeriods(of: id) }
            )
        case .readUsageRows(let id, let month):
            return .usageRows(
                await ask { () async throws(WaldurError) in
                    try await client.usageRows(of: id, in: month)
                }
            )
        case .setUsage(let call):
            return .sent(
                await ask { () async throws(WaldurError) in try await client.setUsage(call) }
            )
        case .readMonth, .readFigures, .book, .rest: return await performHere(action)
        }
    }

    /// What needs no Waldur.
    private mutating func performHere(_ action: ReporterAction) async -> ReporterEvent {
        do throws(ReporterTrouble) {
            switch action {
            case .readMonth(let month):
                return .month(.success(try await ledger.month(month, engine: engine)))
            case .readFigures(let resource, let month, let minute):
                return .figures(
                    .success(
                        try await ledger.figures(
                            of: resource,
                            in: month,
                            through: minute,
                            engine: engine
                        )
                    )
                )
            case .book(let decisions):
                try engine.book(decisions, author: "reporter")
                return .booked(.success(engine.bookState))
            default: return .rested
            }
        } catch {
            switch action {
            case .readMonth: return .month(.failure(error))
            case .readFigures: return .figures(.failure(error))
            default: return .booked(.failure(error))
            }
        }
    }
}
