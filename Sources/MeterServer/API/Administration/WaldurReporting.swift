internal import Meter
internal import MeterWaldur
internal import MeterWire
internal import Synchronization

/// The reporter of one Waldur, as the administration sees it.
final class WaldurReporting: ReportingControl {
    private let service: ReporterService
    private let now: @Sendable () -> Timestamp
    private let reconciled = Mutex<Timestamp?>(nil)

    /// - Parameter now: The server's clock.
    init(_ service: ReporterService, now: @escaping @Sendable () -> Timestamp) {
        self.service = service
        self.now = now
    }

    /// Which Waldur it is.
    var waldur: WaldurID { service.settings.waldur }

    func control(of waldur: WaldurID?) throws(ReportingFailure) -> any ReportingControl {
        guard waldur == nil || waldur == self.waldur else {
            throw ReportingFailure(.precondition, "The only Waldur is `\(self.waldur)`.")
        }
        return self
    }

    func preview() async throws(ReportingFailure) -> ReportPlan {
        do throws(ReporterTrouble) {
            return plan(try await service.preview())
        } catch { throw .unavailable(error) }
    }

    func submit() async throws(ReportingFailure) -> ReportPlan {
        do throws(ReporterTrouble) {
            let status = try await service.submit()
            if let trouble = status.trouble { throw ReporterTrouble(trouble) }
            return plan(try await service.preview())
        } catch { throw .unavailable(error) }
    }

    func status() -> [ReportingStatus] {
        let status = service.status
        return [
            ReportingStatus(
                waldur: status.waldur,
                state: status.state.rawValue,
                detail: status.detail,
                lastSuccess: status.completedCycle,
                openIntents: status.openIntents.count,
                unknownIntents: status.openIntents.count { $0.isUnknown },
                incidents: status.incidents.count,
                violations: status.violations.count,
                flush: status.flush,
                flushWarning: status.flushWarning
            )
        ]
    }

    func resume(
        waldur: WaldurID?,
        month: BillingMonth,
        isDryRun: Bool,
        author: String
    ) async throws(ReportingFailure) {
        _ = try control(of: waldur)
        do throws(ReporterTrouble) {
            try await service.resume(month, isDryRun: isDryRun, author: author)
        } catch {
            throw ReportingFailure(.precondition, error.sentence)
        }
    }

    func adopt(
        _ resource: ResourceID,
        from: Minute,
        isDryRun: Bool,
        author: String
    ) async throws(ReportingFailure) -> [String] {
        do throws(ReporterTrouble) {
            return try await service.adopt(
                resource,
                from: from,
                isDryRun: isDryRun,
                author: author
            )
        } catch { throw .unavailable(error) }
    }

    func release(
        _ resource: ResourceID,
        reason: String,
        isDryRun: Bool,
        author: String
    ) async throws(ReportingFailure) {
        do throws(ReporterTrouble) {
            try await service.release(
                resource,
                reason: reason,
                isDryRun: isDryRun,
                author: author
            )
        } catch {
            throw ReportingFailure(.precondition, error.sentence)
        }
    }

    func approve(_ order: OrderID) async throws(ReportingFailure) {
        do throws(ReporterTrouble) {
            try await service.approve(order)
        } catch {
            throw ReportingFailure(.precondition, error.sentence)
        }
    }

    func reconcile(
        _ request: ReconciliationRequest
    ) async throws(ReportingFailure) -> [Reconciliation] {
        let began = now()
        let found: Reconciliation
        do throws(ReporterTrouble) {
            found = try await service.reconcile(month: request.month, tenant: request.tenant)
        } catch { throw .unavailable(error) }
        // Said of everything, or of nothing.
        if request.tenant == nil, request.month == nil, found.isClean {
            reconciled.withLock { $0 = began }
        }
        return [found]
    }

    func liveRefusal(of binding: Binding) async throws(ReportingFailure) -> String? {
        do throws(ReporterTrouble) {
            let refusals = try await service.liveStartRefusals(of: binding)
            return refusals.isEmpty ? nil : refusals.joined(separator: "; ") + "."
        } catch { throw .unavailable(error) }
    }

    func check() async throws(ReportingFailure) -> [MapFinding] {
        do throws(ReporterTrouble) {
            return try await service.checkMap().map {
                MapFinding(isError: $0.isError, subject: $0.subject, detail: $0.detail)
            }
        } catch { throw .unavailable(error) }
    }

    func syncOffering(
        _ offering: OfferingID,
        given: OfferingWishes,
        isDryRun: Bool,
        author: String
    ) async throws(ReportingFailure) -> OfferingSync {
        do throws(ReporterTrouble) {
            return try await service.syncOffering(
                offering,
                given: given,
                isDryRun: isDryRun,
                author: author
            )
        } catch {
            throw ReportingFailure(.precondition, error.sentence)
        }
    }

    func syncMap(_ request: MapSyncRequest) async throws(ReportingFailure) -> MapSync {
        do throws(ReporterTrouble) {
            return try await service.syncMap(
                request.offering,
                agentFrom: request.agentFrom,
                class: request.class,
                from: request.from,
                follows: request.follows,
                isDryRun: request.isDryRun,
                author: request.author
            )
        } catch {
            throw ReportingFailure(.precondition, error.sentence)
        }
    }

    /// The newest of: a reconciliation that a person asked for, and a cycle after which everything that
    /// was to be told had been read back.
    func reconciledThrough() -> Timestamp? {
        let status = service.status
        let isSettled =
            status.findings.isEmpty && status.openIntents.isEmpty && status.trouble == nil
            && status.heldRows == 0
        let byCycle = isSettled ? status.completedCycle : nil
        let byPerson = reconciled.withLock { $0 }
        guard let byCycle, let byPerson else { return byCycle ?? byPerson }
        return max(byCycle, byPerson)
    }

    // MARK: -

    private func plan(_ preview: ReportPreview) -> ReportPlan {
        ReportPlan(
            rows: preview.rows.map { row in
                ReportPlan.Row(
                    figure: ReportedFigure(
                        waldur: row.key.waldur,
                        resource: row.key.resource,
                        planPeriod: row.key.planPeriod,
                        month: row.key.month,
                        component: row.key.component,
                        tenants: row.tenants
                    ),
                    waldurs: row.line.shown?.description,
                    ours: (row.line.figure?.amount ?? .zero).description,
                    state: row.state
                )
            },
            findings: preview.findings.map(\.description),
            window: preview.window.description
        )
    }
}

extension ReportingFailure {
    fileprivate static func unavailable(_ trouble: ReporterTrouble) -> ReportingFailure {
        ReportingFailure(.unavailable, trouble.sentence)
    }
}

extension ReporterTrouble {
    fileprivate var sentence: String {
        description.prefix(1).uppercased() + description.dropFirst() + "."
    }
}
