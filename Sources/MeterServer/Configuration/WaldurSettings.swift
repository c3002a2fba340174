/// Settings of which there may be several: those of Waldurs and of their accounts, which the settings file
/// names (`waldurs.ID.url`, `waldurs.ID.accounts.NAME.token-file`).
///
/// Flags and variables are for one Waldur with one account. What a Waldur of the file does not say of how it is
/// reported to, `waldur.…` says for all.
enum WaldurSettings {
    /// What each Waldur of the file says for itself.
    private static let own: [Setting] = [
        Settings.waldurURL, Settings.waldurTokenFile, Settings.waldurTimeZone,
        Settings.waldurCurrency, Settings.waldurHomePort,
    ]
    /// What it may say for itself.
    private static let shared: [Setting] = [
        Settings.waldurReportSeconds, Settings.waldurRequestLifeSeconds,
        Settings.waldurGuardSeconds, Settings.waldurTurnDelaySeconds,
        Settings.waldurForeignDefault, Settings.waldurForeignDecideHours,
    ]
    private static let accountTokenFile = Setting(
        ["token-file"],
        .text,
        default: nil,
        "A file with the token of this account."
    )
    private static let accountOfferings = Setting(
        ["offerings"],
        .text,
        default: nil,
        "The uuids of the offerings that it reports, with commas; otherwise all that it may."
    )

    /// The setting that a key of the file names; nil for none.
    static func setting(_ key: String) -> Setting? {
        let parts = key.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.count >= 3, parts[0] == "waldurs" || parts[0] == "waldur" else { return nil }
        let isSeveral = parts[0] == "waldurs"
        if isSeveral, !isName(parts[1]) { return nil }
        let path = Array(parts.dropFirst(isSeveral ? 2 : 1))
        if path.count == 3, path[0] == "accounts", isName(path[1]) {
            let known = [accountTokenFile, accountOfferings].first { $0.key[0] == path[2] }
            return known.map { $0.named(parts) }
        }
        guard isSeveral, path.count == 1 else { return nil }
        return (own + shared).first { $0.key.last == path[0] }?.named(parts)
    }

    /// A setting of `waldur.…` as the Waldur of this id has it; nil: the one that flags and variables speak of.
    static func setting(_ setting: Setting, of id: String?) -> Setting {
        id.map { setting.named(["waldurs", $0, setting.key.last ?? ""]) } ?? setting
    }

    static func tokenFile(ofAccount name: String, of id: String?) -> Setting {
        accountTokenFile.named(place(id) + ["accounts", name, "token-file"])
    }

    static func offerings(ofAccount name: String, of id: String?) -> Setting {
        accountOfferings.named(place(id) + ["accounts", name, "offerings"])
    }

    private static func place(_ id: String?) -> [String] {
        id.map { ["waldurs", $0] } ?? ["waldur"]
    }

    /// The ids of the Waldurs that settings of the file name, in order.
    static func ids(_ settings: [Setting]) -> [String] {
        Set(settings.compactMap { $0.key[0] == "waldurs" ? $0.key[1] : nil }).sorted()
    }

    /// The names of a Waldur's accounts, in order.
    static func accounts(_ settings: [Setting], of id: String?) -> [String] {
        let place = place(id) + ["accounts"]
        return Set(
            settings.compactMap { setting in
                setting.key.starts(with: place) ? setting.key[place.count] : nil
            }
        ).sorted()
    }

    private static func isName(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= 64
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }
}

extension Setting {
    /// The same under another name, without a default.
    fileprivate func named(_ key: [String]) -> Setting {
        Setting(key, kind, default: nil, unit: unit, help)
    }
}
