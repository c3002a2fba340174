internal import Meter
internal import MeterWaldur

// Which Waldurs are reported to: the one that flags and variables speak of, and those that the file names.

extension ServerConfiguration {
    /// The Waldur of an id; nil where none is configured under it.
    func waldur(_ id: WaldurID) -> Waldur? { waldurs.first { $0.id == id } }

    mutating func setWaldurs(_ values: ConfigurationValues) throws(ConfigurationError) {
        let first = WaldurID(values.value(Settings.waldurID)?.text ?? "waldur")
        homePorts[first] = try Self.homePort(values, Settings.waldurHomePort)
        if let url = values.value(Settings.waldurURL)?.text {
            waldurs.append(try Self.waldur(values, first, url, of: nil))
        } else if let account = WaldurSettings.accounts(values.settings, of: nil).first {
            throw values.error(
                WaldurSettings.tokenFile(ofAccount: account, of: nil),
                "an account without a Waldur; set waldur.url"
            )
        }
        for id in WaldurSettings.ids(values.settings) {
            let setting = WaldurSettings.setting(Settings.waldurURL, of: id)
            guard let url = values.value(setting)?.text else {
                throw values.error(setting, "needs the URL of this Waldur's API")
            }
            let waldur = try Self.waldur(values, WaldurID(id), url, of: id)
            guard self.waldur(waldur.id) == nil else {
                throw values.error(setting, "waldur.id is \(id), too; give each Waldur its own id")
            }
            waldurs.append(waldur)
            homePorts[waldur.id] = try Self.homePort(
                values,
                WaldurSettings.setting(Settings.waldurHomePort, of: id)
            )
        }
    }

    /// - Parameter place: Under which id the file has it; nil for the Waldur of flags and variables.
    private static func waldur(
        _ values: ConfigurationValues,
        _ id: WaldurID,
        _ url: String,
        of place: String?
    ) throws(ConfigurationError) -> Waldur {
        /// Where the Waldur of the file says nothing the setting for all of them holds.
        func shared(_ setting: Setting) -> Setting {
            let own = WaldurSettings.setting(setting, of: place)
            return values.value(own) == nil ? setting : own
        }
        guard url.hasPrefix("https://") || url.hasPrefix("http://") else {
            throw values.error(
                WaldurSettings.setting(Settings.waldurURL, of: place),
                "must begin with https:// or http://"
            )
        }
        return Waldur(
            id: id,
            url: url,
            accounts: try accounts(values, of: place),
            zone: try zone(values, WaldurSettings.setting(Settings.waldurTimeZone, of: place)),
            currency: values.value(WaldurSettings.setting(Settings.waldurCurrency, of: place))?
                .text,
            reportInterval: try seconds(values, shared(Settings.waldurReportSeconds)),
            requestLife: try seconds(values, shared(Settings.waldurRequestLifeSeconds)),
            guardTime: try seconds(values, shared(Settings.waldurGuardSeconds)),
            turnDelay: try seconds(values, shared(Settings.waldurTurnDelaySeconds)),
            acceptsForeign: try choice(values, shared(Settings.waldurForeignDefault)) == "accept",
            foreignDecideHours: try count(values, shared(Settings.waldurForeignDecideHours))
        )
    }

    /// The one account that a token is given for, or those that are named.
    private static func accounts(
        _ values: ConfigurationValues,
        of place: String?
    ) throws(ConfigurationError) -> [Waldur.Account] {
        let file = WaldurSettings.setting(Settings.waldurTokenFile, of: place)
        let names = WaldurSettings.accounts(values.settings, of: place)
        let single = try singleToken(values, file, of: place)
        if let single {
            guard names.isEmpty else {
                throw values.error(
                    WaldurSettings.tokenFile(ofAccount: names[0], of: place),
                    "accounts are named beside a token without a name; give each account its "
                        + "token-file and leave the other token out"
                )
            }
            return [Waldur.Account(account: .only, token: single)]
        }
        guard !names.isEmpty else {
            throw values.error(file, "a Waldur is set, but not the token to talk to it with")
        }
        var accounts: [Waldur.Account] = []
        var paths: Set<String> = []
        for name in names {
            let setting = WaldurSettings.tokenFile(ofAccount: name, of: place)
            guard let path = values.value(setting)?.text else {
                throw values.error(setting, "needs the file with this account's token")
            }
            guard paths.insert(path).inserted else {
                throw values.error(
                    setting,
                    "another account has the same token; Waldur runs one request of a token at a time"
                )
            }
            _ = try smallFile(values, setting, path)
            accounts.append(
                Waldur.Account(
                    account: ReportingAccount(
                        name,
                        offerings: try offerings(
                            values,
                            WaldurSettings.offerings(ofAccount: name, of: place)
                        )
                    ),
                    token: .file(path)
                )
            )
        }
        return accounts
    }

    /// The token that is given without an account's name. A file is read again whenever Waldur refuses it;
    /// here only whether it can be.
    private static func singleToken(
        _ values: ConfigurationValues,
        _ file: Setting,
        of place: String?
    ) throws(ConfigurationError) -> TokenSource? {
        if let path = values.value(file)?.text {
            _ = try smallFile(values, file, path)
            return .file(path)
        }
        guard place == nil, let text = values.value(Settings.waldurToken)?.text else { return nil }
        return .value(Secret(Array(text.utf8)))
    }

    private static func offerings(
        _ values: ConfigurationValues,
        _ setting: Setting
    ) throws(ConfigurationError) -> Set<OfferingID>? {
        guard let text = values.value(setting)?.text else { return nil }
        var offerings: Set<OfferingID> = []
        for part in text.split(whereSeparator: { $0 == "," || $0 == " " }) {
            guard let offering = OfferingID(String(part)) else {
                throw values.error(
                    setting,
                    "\(part) is no uuid of an offering: 32 hexadecimal digits"
                )
            }
            offerings.insert(offering)
        }
        return offerings
    }

    private static func zone(
        _ values: ConfigurationValues,
        _ setting: Setting
    ) throws(ConfigurationError) -> WaldurZone {
        let text = values.value(setting)?.text ?? "UTC"
        guard let zone = WaldurZone(text) else {
            throw values.error(
                setting,
                "\(text) is neither UTC nor a name of the IANA database such as Europe/Tallinn, nor an "
                    + "offset such as +02:00"
            )
        }
        return zone
    }

    private static func homePort(
        _ values: ConfigurationValues,
        _ setting: Setting
    ) throws(ConfigurationError) -> String? {
        guard let text = values.value(setting)?.text else { return nil }
        guard text.hasPrefix("https://") || text.hasPrefix("http://") else {
            throw values.error(setting, "must begin with https:// or http://")
        }
        return text.hasSuffix("/") ? String(text.dropLast()) : text
    }
}
