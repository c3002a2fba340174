internal import Meter
internal import MeterWire

/// One row of Waldur's usage, or usage that is in none: what was metered, told and confirmed.
struct BillingLine {
    struct Key: Hashable, Comparable {
        let account: LedgerAccount
        /// nil where it is not billable, or nobody has asked Waldur for the resource yet.
        let planPeriod: PlanPeriodID?
        let notBillable: NotBillableClass?

        init(_ usage: AttributedUsage.Key) {
            account = usage.account
            planPeriod = usage.planPeriod
            notBillable = usage.notBillable
        }

        init(_ row: SubmissionKey) {
            self.init(
                LedgerAccount(resource: row.resourceKey, component: row.component),
                row.planPeriod
            )
        }

        init(_ account: LedgerAccount, _ planPeriod: PlanPeriodID) {
            self.account = account
            self.planPeriod = planPeriod
            notBillable = nil
        }

        static func < (left: Key, right: Key) -> Bool {
            if left.account != right.account { return left.account < right.account }
            let (one, other) = (left.planPeriod?.description, right.planPeriod?.description)
            if one != other { return (one ?? "") < (other ?? "") }
            return (left.notBillable?.rawValue ?? "") < (right.notBillable?.rawValue ?? "")
        }
    }

    /// What the ledger and the book say of the whole row.
    struct Told {
        let figure: LedgerFigure
        let terms: [LedgerTerm: LedgerAmount]
        /// The outcome of the newest call is not known.
        let isUnknown: Bool

        init(_ figure: LedgerFigure, _ terms: [LedgerTerm: LedgerAmount], _ book: BookState) {
            self.figure = figure
            self.terms = terms
            let number = book.submission(figure.key)?.open.last?.number
            isUnknown = number.flatMap { book.openIntents[$0]?.isUnknown } ?? false
        }

        /// The newest figure that Waldur was sent, whether it is confirmed or not.
        var submitted: Hundredths? { figure.inFlight ?? figure.confirmed }

        /// What is to be told and not confirmed, in the unit that is told.
        var difference: Hundredths {
            let confirmed = figure.confirmed ?? .zero
            let (difference, overflow) = figure.told.rawValue
                .subtractingReportingOverflow(confirmed.rawValue)
            return Hundredths(overflow ? .max : difference)
        }

        func amount(_ term: LedgerTerm) -> LedgerAmount { terms[term] ?? .zero }
    }

    let key: Key
    let metered: Quantity
    /// What corrections of this tenant's or agent's usage add to that, in smallest units.
    let corrected: LedgerAmount
    /// Other agents of the tenant are in the row too.
    let isShared: Bool
    /// nil where the row is in no usage of Waldur's, or not this tenant's alone.
    let told: Told?
    private let isForeign: Bool
    private let component: Component?
    let planPeriod: PlanPeriod?
    private let resourceState: String?

    init(
        key: Key,
        metered: Quantity,
        corrected: LedgerAmount,
        isShared: Bool,
        told: Told?,
        isForeign: Bool,
        book: BookState
    ) {
        self.key = key
        self.metered = metered
        self.corrected = corrected
        self.isShared = isShared
        self.told = told
        self.isForeign = isForeign
        component = book.components[key.account.component]
        let standing = book.resources[key.account.resource]
        planPeriod = standing?.periods.first { $0.id == key.planPeriod }
        resourceState = standing?.resourceState
    }

    /// Why Waldur does not show what was metered; empty where it does.
    var causes: [String] {
        if let reason = key.notBillable { return ["not-billable: \(reason.rawValue)"] }
        if key.planPeriod == nil { return ["resource-not-read"] }
        if isForeign { return ["shared-with-another-tenant"] }
        guard let told else { return [] }
        var causes: [String] = []
        if told.isUnknown {
            causes.append("outcome-unknown")
        } else if told.figure.inFlight != nil {
            causes.append("in-flight")
        }
        if told.figure.amount < .zero { causes.append("corrections-left-over") }
        if told.figure.told != (told.submitted ?? .zero) {
            causes.append(told.figure.isPlanPeriodOver ? "plan-period-over" : "not-told-yet")
        }
        if told.amount(.opening) != .zero { causes.append("opening-balance") }
        if told.amount(.carriedOut) != .zero { causes.append("carried-out") }
        if told.amount(.residue) != .zero { causes.append("rounding") }
        return causes
    }

    var json: JSONOutput {
        var members = [
            JSONMember("resource", .string(key.account.resource.resource.description)),
            JSONMember("resourceState", .optional(resourceState)),
            JSONMember("component", .string(key.account.component.description)),
            JSONMember("planPeriod", .optional(key.planPeriod)),
            JSONMember("plan", plan),
            JSONMember("class", .optional(key.notBillable?.rawValue)),
            JSONMember("unit", .optional(component?.unit)),
            JSONMember("reportedUnit", .optional(component?.reportedUnit)),
            JSONMember("metered", .optional(metered)),
            JSONMember("corrected", .string(corrected.description)),
            JSONMember("shared", .boolean(isShared)),
        ]
        members += Self.terms.map { name, term in
            JSONMember(name, .optional(told?.amount(term)))
        }
        members += [
            JSONMember("toTell", .optional(told?.figure.told)),
            JSONMember("submitted", .optional(told?.submitted)),
            JSONMember("confirmed", .optional(told?.figure.confirmed)),
            JSONMember("difference", .optional(told?.difference)),
            JSONMember("causes", .array(causes.map { .string($0) })),
        ]
        return .object(members)
    }

    /// Terms of the row that are shown, in smallest units with two decimals.
    private static let terms: [(name: String, term: LedgerTerm)] = [
        ("opening", .opening), ("adjusted", .adjusted), ("carriedIn", .carriedIn),
        ("carriedOut", .carriedOut), ("creditRequested", .creditRequested),
        ("writtenOff", .writtenOff), ("residue", .residue),
    ]

    private var plan: JSONOutput {
        guard let planPeriod else { return .null }
        return [
            "uuid": .optional(planPeriod.plan), "name": .optional(planPeriod.planName),
            "from": .string(RFC3339.text(planPeriod.start)),
            "to": .optional(planPeriod.end.map(RFC3339.text)),
        ]
    }

    var cells: [CSVText.Cell] {
        func plain(_ value: (some CustomStringConvertible)?) -> CSVText.Cell {
            value.map { .plain($0.description) } ?? .none
        }
        return [
            plain(key.account.resource.resource), .text(key.account.component.description),
            plain(key.planPeriod), .optional(planPeriod?.planName),
            plain(key.notBillable?.rawValue), plain(metered), plain(corrected),
            .optional(component?.unit),
            plain(told?.amount(.adjusted)), plain(told?.amount(.carriedIn)),
            plain(told?.amount(.carriedOut)), plain(told?.figure.told),
            plain(told?.submitted), plain(told?.figure.confirmed),
            .optional(component?.reportedUnit), plain(told?.difference),
            .plain(causes.joined(separator: "; ")),
        ]
    }
}
