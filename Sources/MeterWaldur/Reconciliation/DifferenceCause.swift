/// Why two columns of a reconciliation differ.
package enum DifferenceCause: String, Sendable, CaseIterable {
    // Between what emitters claim and what was metered.
    /// Numbered or claimed, and not received.
    case notReceived = "not-received"
    /// A person accepted by name that it will not come.
    case gapAccepted = "gap-accepted"
    /// The source never said how much it recorded, or that it ended.
    case sourceUnclaimed = "source-unclaimed"
    /// Usage has another sum than details of the same calls: one of the two is not what came.
    case countsDisagree = "counts-disagree"

    // Between ledger and usage rows.
    /// A submission has no outcome yet, or an emitter still sends.
    case inFlight = "in-flight"
    /// Metered, or decided, since the newest submission.
    case lateAfterReport = "late-after-report"
    /// The reporter is silent around the turn of the month.
    case monthEnd = "month-end"
    /// Told, or to be told, in another row than its own.
    case carried
    /// What rounding down leaves.
    case rounding
    /// Waldur showed it before Meter took the resource over.
    case openingBalance = "opening-balance"
    /// A person amended the figure.
    case correction
    /// Waldur's staff are asked to put it right by hand.
    case creditRequested = "credit-requested"
    case writtenOff = "written-off"
    /// Somebody else wrote the figure.
    case changedInWaldur = "changed-in-waldur"
    /// Confirmed once, and Waldur has no row any more.
    case missingInWaldur = "missing-in-waldur"
    /// Waldur takes no usage for the resource any more, or nobody is bound to it.
    case resourceGone = "resource-gone"
    /// Another customer has the resource than the one whose usage it is.
    case movedToAnotherCustomer = "moved-to-another-customer"
    /// A total of one month was filed under the next.
    case wrongMonth = "wrong-month"
    /// Nobody has read the resource from Waldur yet, so that its usage waits.
    case resourceNotRead = "resource-not-read"
    /// The account does not see the resource.
    case resourceUnseen = "resource-unseen"
    /// No account is configured to report its offering.
    case noAccount = "no-account"
    /// Less was metered than when it was told, and no decision says so.
    case lowered
    /// The amount is more than Waldur's invoice can hold.
    case tooLarge = "too-large"
    /// Metered and not told, by the binding's class.
    case free
    case trial
    case `internal`
    case shadow
    /// The other way of the agent's usage counts.
    case advisory
    /// The call ended in a way that the offering does not bill.
    case unbilledOutcome = "unbilled-outcome"
    /// The offering has no such component with billing type `usage`, or it is not declared.
    case notInOffering = "not-in-offering"
    /// The resource had no plan at that time.
    case noPlan = "no-plan"

    // Between usage rows and invoice items.
    /// The plan has no price for the component: stored and never billed.
    case componentNotPriced = "component-not-priced"
    /// Stored without a plan period: never billed.
    case withoutPlanPeriod = "without-plan-period"
    /// The item holds another price than the plan had when the month had turned.
    case priceFrozenBeforeTurn = "price-frozen-before-turn"
    /// A changed row of an ended plan period was billed a second time.
    case secondItemForEndedPeriod = "second-item-for-ended-period"
    /// A customer's credit was used for the invoice.
    case customerCredit = "customer-credit"
    /// Waldur's staff took an item back.
    case compensation
    /// A priced row has no item.
    case notOnInvoice = "not-on-invoice"
    /// None of the above.
    case unexplained
}

/// What has to be done about a difference.
package enum DifferenceStanding: Int, Comparable, Sendable {
    /// Nothing: it is so by a rule, or somebody has decided it.
    case settled
    /// Wait: the next cycles take it away.
    case passing
    /// A person has to act.
    case open

    package static func < (left: DifferenceStanding, right: DifferenceStanding) -> Bool {
        left.rawValue < right.rawValue
    }
}

extension DifferenceCause {
    /// What a person does about a difference that is open; nil where there is nothing to do.
    package var advice: String? {
        switch self {
        case .notReceived:
            "have the emitter send what it spooled; when nothing comes: meterctl sources gaps "
                + "--accept-gaps"
        case .sourceUnclaimed:
            "start the emitter again with its spool; when it is gone for good: meterctl sources retire"
        case .countsDisagree:
            "see which of the two is wrong, in which minute and file: meterctl recount; restore that file from a "
                + "copy, or put the figure right by an adjustment"
        case .lowered:
            "usage that was told is missing in the ledger: look for lost files (meterctl recount) and changed "
                + "bindings (meterctl map list); until then Waldur keeps the figure"
        case .carried, .correction:
            "decide about the carry: meterctl carry settle, or correct the figure by an adjustment"
        case .changedInWaldur:
            "find who wrote it, then meterctl report foreign accept or reassert; on an invoice that is "
                + "closed Waldur's staff put the item right"
        case .missingInWaldur: "ask Waldur's staff who removed the row"
        case .resourceGone:
            "the usage cannot be told any more: meterctl carry settle --credit-request or --write-off"
        case .movedToAnotherCustomer:
            "end the binding of the old tenant (meterctl map end), and have Waldur's staff bill each "
                + "customer what it used"
        case .wrongMonth:
            "the month's first total heals the quantity; a frozen price is put right by Waldur's staff"
        case .resourceNotRead, .resourceUnseen:
            "check the uuid and the account's role: meterctl map check"
        case .noAccount: "name its offering for an account: waldurs.ID.accounts.NAME.offerings"
        case .tooLarge: "check the unit: meterctl map check"
        case .notInOffering:
            "declare the component and add it to the offering with billing type usage"
        case .noPlan: "give the resource a plan in Waldur; what was used before is not billed"
        case .componentNotPriced:
            "set all prices of the plan in one call; the items come with the next month"
        case .withoutPlanPeriod: "give the resource a plan in Waldur; this row is never billed"
        case .priceFrozenBeforeTurn:
            "Waldur's staff correct the item's price or grant a credit; note the item"
        case .secondItemForEndedPeriod:
            "Waldur's staff remove one of the two items, or grant a credit"
        case .compensation:
            "Waldur's staff move the compensation to another month: it took the place of the usage"
        case .notOnInvoice: "ask Waldur's staff for the item, and check that the plan has a price"
        case .unexplained: "keep the answer (-o json) and report it: no rule explains this"
        case .gapAccepted, .inFlight, .lateAfterReport, .monthEnd, .rounding, .openingBalance,
            .creditRequested, .writtenOff, .free, .trial, .internal, .shadow, .advisory,
            .unbilledOutcome, .customerCredit:
            nil
        }
    }
}
