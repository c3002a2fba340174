import Meter
import MeterTesting
import MeterWire

/// A book on a real disk, filled with random decisions of every kind.
final class RandomBook {
    let directory: TemporaryDirectory
    let book: Book
    private(set) var entries: [BookEntry] = []
    private var time: Int64 = 1_795_000_000_000
    private let names: [Name] = ["tokens", "seconds", "calls", "o'brien\n\\", "größe"]

    init() throws {
        directory = try TemporaryDirectory()
        book = try Book.open(try POSIXDisk(path: directory.path)).book
    }

    /// Appends one random decision, or several that belong together, if the book takes it.
    func step(_ seed: inout Seed) throws {
        time += Int64(seed.below(100_000))
        let decisions = decisions(&seed)
        do {
            entries += try book.append(
                decisions,
                author: seed.pick(["anna", "reporter", "o'neil"]),
                at: Timestamp(milliseconds: time)
            )
        } catch .refused {
            // The book says no to what contradicts it; the next step draws something else.
        }
    }

    private func decisions(_ seed: inout Seed) -> [Decision] {
        let state = book.state
        let resource = ResourceID(high: 5, low: UInt64(seed.below(3)))
        let waldur: WaldurID = seed.oneIn(3) ? "other" : "main"
        switch seed.below(13) {
        case 0:
            let kinds: [Principal.Kind] = [
                .platformForAll, .tenant("acme"), .platform(tenants: ["b", "a", "c\nd"]),
            ]
            let id =
                seed.oneIn(2)
                ? state.nextPrincipal : state.principals.keys.min() ?? state.nextPrincipal
            return [.principalSet(Principal(id: id, kind: seed.pick(kinds), label: "x | y"))]
        case 1:
            guard let principal = state.principals.keys.sorted().randomElement(using: &seed) else {
                return [.componentDeclared(Component(name: "tokens", unit: "token"))]
            }
            let (_, key) = Key.makeHTTP(
                for: principal,
                scopes: [.usage],
                label: "label",
                expires: seed.oneIn(2) ? nil : Timestamp(milliseconds: .max),
                using: &seed
            )
            return [.keyCreated(key)]
        case 2:
            let id = state.keys.keys.sorted().randomElement(using: &seed)
            if seed.oneIn(2) {
                let by = state.keys.keys.sorted().randomElement(using: &seed)
                return [
                    .keyReplaced(
                        KeyReplacement(
                            id: id ?? KeyID(rawValue: 1),
                            by: by ?? KeyID(rawValue: 1),
                            ends: Timestamp(milliseconds: Int64(seed.next() >> 8))
                        )
                    )
                ]
            }
            return [.keyRevoked(KeyRevocation(id: id ?? KeyID(rawValue: 1)))]
        case 3:
            let units: UInt64 = seed.oneIn(2) ? 1 : .max
            return [
                .componentDeclared(
                    Component(name: seed.pick(names), unit: "u", unitsPerReported: units)
                )
            ]
        case 4: return [.componentWithdrawn(ComponentWithdrawal(name: seed.pick(names)))]
        case 5, 6:
            let access = Access(
                id: AccessID(high: 1, low: seed.next()),
                tenant: "acme",
                agent: seed.pick(names),
                label: seed.oneIn(2) ? nil : "project"
            )
            let binding = Binding(
                access: access.id,
                tenant: access.tenant,
                agent: access.agent,
                waldur: waldur,
                resource: resource,
                from: Minute(rawValue: UInt32(seed.below(100))),
                class: seed.pick(BindingClass.allCases)
            )
            return [.accessMade(access), .bindingSet(binding)]
        case 7:
            guard let binding = state.allBindings.randomElement(using: &seed) else { return [] }
            let end = Minute(rawValue: binding.from.rawValue + UInt32(seed.below(50)))
            return [
                .bindingEnded(BindingEnd(access: binding.access, from: binding.from, to: end))
            ]
        case 8:
            let periods = (0..<UInt64(seed.below(4))).map { number in
                PlanPeriod(
                    id: PlanPeriodID(high: 9, low: number),
                    plan: PlanID(high: 1, low: 1),
                    planName: seed.oneIn(2) ? nil : "Standard",
                    start: Timestamp(milliseconds: Int64(number) * 1000),
                    end: seed.oneIn(2) ? nil : Timestamp(milliseconds: Int64(number) * 1000 + 999)
                )
            }
            return [
                .planPeriodsSeen(
                    PlanPeriodsSeen(
                        waldur: waldur,
                        resource: resource,
                        offering: seed.oneIn(2) ? nil : OfferingID(high: 1, low: 2),
                        customer: seed.oneIn(2) ? nil : "acme",
                        periods: periods,
                        components: Array(names.prefix(seed.below(4))),
                        resourceState: seed.oneIn(2) ? nil : "OK"
                    )
                )
            ]
        case 9, 10: return [.submissionIntended(intent(waldur, resource, &seed))]
        default: return [outcome(&seed)]
        }
    }

    private func intent(
        _ waldur: WaldurID,
        _ resource: ResourceID,
        _ seed: inout Seed
    ) -> SubmissionIntent {
        SubmissionIntent(
            number: book.state.nextIntentNumber,
            waldur: waldur,
            resource: resource,
            planPeriod: PlanPeriodID(high: 9, low: UInt64(seed.below(2))),
            month: Self.month,
            position: seed.next(),
            items: names.prefix(1 + seed.below(3)).map { name in
                .init(
                    component: name,
                    total: Quantity(UInt128(seed.next()) << 30),
                    amount: Hundredths(Int128(seed.next()))
                )
            },
            lowersBecause: "test"
        )
    }

    private func outcome(_ seed: inout Seed) -> Decision {
        guard let open = book.state.openIntents.keys.sorted().randomElement(using: &seed),
            let intent = book.state.openIntents[open]
        else { return .reportingResumed(ReportingResumption(waldur: "main", month: Self.month)) }
        let some = seed.oneIn(2) ? nil : intent.open.sorted().prefix(1)
        let outcome = SubmissionOutcome(
            number: open,
            components: some.map { Array($0) },
            status: seed.oneIn(2) ? nil : 400,
            note: seed.oneIn(2) ? nil : "note"
        )
        switch seed.below(4) {
        case 0: return .submissionRefused(outcome)
        case 1: return .submissionUnknown(outcome)
        default: return .submissionConfirmed(outcome)
        }
    }

    static let month: BillingMonth = {
        guard let month = BillingMonth("2026-11") else { preconditionFailure() }
        return month
    }()

    // MARK: files and sources

    static func file(_ number: UInt64, _ seed: inout Seed) -> CatalogFileInput {
        let isSegment = seed.oneIn(2)
        return CatalogFileInput(
            name: (isSegment ? "segment-" : "journal-") + String(number),
            isSegment: isSegment,
            from: number * 1000,
            to: seed.oneIn(4) ? nil : number * 1000 + UInt64(seed.below(1000)),
            byteCount: seed.next(),
            sums: (0..<seed.below(3)).map { _ in (UInt128(seed.next()) << 40, seed.next()) }
        )
    }
}

/// Random numbers for a file of the catalog.
struct CatalogFileInput {
    let name: String
    let isSegment: Bool
    let from: UInt64
    let to: UInt64?
    let byteCount: UInt64
    let sums: [(sum: UInt128, count: UInt64)]
}
