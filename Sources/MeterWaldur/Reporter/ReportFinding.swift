package import Meter
package import MeterWire

/// Something that keeps a figure from being told, or makes one doubtful; raised until it is gone.
package struct ReportFinding: Hashable, Sendable {
    package enum Kind: String, Sendable, CaseIterable {
        /// Waldur shows a value that Meter did not write.
        case foreign
        /// The plan has no price for the component: told, accepted, never billed.
        case notPriced = "not-priced"
        /// The offering has no such component with billing type `usage`, or it is not declared.
        case notInOffering = "not-in-offering"
        /// The ledger is below what was confirmed.
        case lowered
        /// Usage of an ended plan period whose row may not be changed any more.
        case planEnded = "plan-ended"
        /// Used before the resource's first plan period.
        case noPlan = "no-plan"
        /// Waldur's invoice has no room for the amount.
        case tooLarge = "too-large"
        /// The account does not see the resource.
        case resourceUnseen = "resource-unseen"
        /// Accounts see the resource, and none may report its offering.
        case noAccount = "no-account"
        /// Waldur takes no usage in the resource's present state.
        case resourceState = "resource-state"
        /// The resource belongs to another customer than the binding's tenant.
        case otherCustomer = "other-customer"
        /// Waldur refused a submission.
        case refused
        /// Nobody knows yet whether Waldur has a submission.
        case unknown
        /// Reading this resource failed.
        case unreadable
        /// The rows of this month are stamped with another one: the zone setting is wrong.
        case wrongMonth = "wrong-month"
    }

    package let kind: Kind
    package let resource: ResourceID
    package let planPeriod: PlanPeriodID?
    package let component: Name?
    /// What Meter has to say, or last said.
    package let ours: String?
    /// What Waldur shows.
    package let waldurs: String?
    package let note: String?

    package init(
        _ kind: Kind,
        resource: ResourceID,
        planPeriod: PlanPeriodID? = nil,
        component: Name? = nil,
        ours: String? = nil,
        waldurs: String? = nil,
        note: String? = nil
    ) {
        self.kind = kind
        self.resource = resource
        self.planPeriod = planPeriod
        self.component = component
        self.ours = ours
        self.waldurs = waldurs
        self.note = note
    }
}

extension ReportFinding: CustomStringConvertible {
    /// What happened, where, and what to do next.
    package var description: String {
        var place = "resource \(resource)"
        if let component { place += ", \(component)" }
        if let planPeriod { place += " in plan period \(planPeriod)" }
        let ours = ours ?? "nothing"
        let waldurs = waldurs ?? "nothing"
        let end = note.map { " (\($0))" } ?? ""
        let text =
            switch kind {
            case .foreign:
                "Waldur shows \(waldurs) and Meter last confirmed \(ours); not overwritten before "
                    + "somebody decides or the deadline passes: meterctl report foreign"
            case .notPriced:
                "the plan has no price; usage is accepted and not billed: set the price"
            case .notInOffering:
                "\(ours) metered and not told: declare the component and add it to the offering with "
                    + "billing type usage"
            case .lowered:
                "the ledger says \(ours), below the confirmed \(waldurs); a figure is not lowered "
                    + "without an adjustment"
            case .planEnded:
                "the ledger says \(ours), Waldur \(waldurs); the row of an ended plan period is not "
                    + "changed, since that would bill it twice"
            case .noPlan: "\(ours) used before the resource's first plan period; not told"
            case .tooLarge: "\(ours) is more than Waldur's invoice can hold; check the unit"
            case .resourceUnseen:
                "the account does not see it; check the uuid and the account's role"
            case .noAccount:
                "no account is configured to report its offering; nothing is told"
            case .resourceState: "Waldur takes no usage in state \(waldurs)"
            case .otherCustomer:
                "it belongs to customer \(waldurs), the binding to \(ours); nothing is told: end the "
                    + "binding or correct it"
            case .refused: "Waldur refused \(ours)"
            case .unknown: "nobody knows yet whether Waldur has \(ours); it is looked up"
            case .unreadable: "cannot be read"
            case .wrongMonth: "rows are stamped \(waldurs); check the Waldur's time zone setting"
            }
        return "\(kind.rawValue): \(place): \(text)\(end)"
    }
}
