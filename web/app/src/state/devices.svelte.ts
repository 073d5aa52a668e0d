import { canSelectSpeaker, listCameras, listMicrophones, listSpeakers, onDevicesChanged, type AudioDevice } from "@hubbub/client";

/** The microphones, speakers and cameras of this computer, kept up to date as they are plugged in and out. */
export class Devices {
  microphones = $state.raw<readonly AudioDevice[]>([]);
  speakers = $state.raw<readonly AudioDevice[]>([]);
  cameras = $state.raw<readonly AudioDevice[]>([]);
  readonly canSelectSpeaker = canSelectSpeaker();

  /** Called when something was plugged in or out. */
  onchange: () => void = () => {};

  watch(): () => void {
    void this.refresh();
    return onDevicesChanged(() => {
      void this.refresh();
      this.onchange();
    });
  }

  /** Names of devices are empty until the page has been allowed one of the kind, so this is asked again then. */
  async refresh(): Promise<void> {
    this.microphones = await listMicrophones().catch(() => []);
    if (this.canSelectSpeaker) this.speakers = await listSpeakers().catch(() => []);
    this.cameras = await listCameras().catch(() => []);
  }
}
