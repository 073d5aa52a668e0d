import { chromium } from '@playwright/test';
const b = await chromium.launch({executablePath:'/usr/bin/chromium', args:['--no-sandbox','--disable-gpu','--use-fake-ui-for-media-stream','--use-fake-device-for-media-stream','--disable-background-networking','--disable-component-update','--disable-sync','--autoplay-policy=no-user-gesture-required']});
const names=['Ada','Béla Bartók','李小龙'];
const pages=[];
for (const [i,n] of names.entries()){
  const c=await b.newContext({viewport:i==2?{width:390,height:844}:{width:1280,height:800}, colorScheme:i==1?'dark':'light', locale:i==2?'zh-CN':'en-US', permissions:['microphone']});
  const p=await c.newPage(); p.on('console',m=>console.log(n,m.type(),m.text())); p.on('pageerror',e=>console.log(n,'ERR',e.message));
  await p.goto('http://127.0.0.1:18080/r/tea'); await p.waitForTimeout(800);
  await p.screenshot({path:`/tmp/h/lobby${i}.png`});
  await p.getByTestId('lobby-name').fill(n).catch(e=>console.log('no lobby-name'));
  await p.keyboard.press('Enter'); await p.waitForTimeout(2500);
  pages.push(p);
}
for (const [i,p] of pages.entries()) await p.screenshot({path:`/tmp/h/room${i}.png`});
await b.close();
